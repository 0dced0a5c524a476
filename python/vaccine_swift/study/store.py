"""The results of stages on disk, each under a hash of all that determines it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vaccine_swift.checkpoints.json_files import read_json
from vaccine_swift.files import new_directory, remove_directory, write_json
from vaccine_swift.files.checksums import verify_checksums, write_checksums
from vaccine_swift.files.plain_json import plain
from vaccine_swift.files.shapes import NUMBER, TEXT, Whole, check_shape

__all__ = ["STAGES", "Stage", "Store", "digest", "finished_folders"]

STAGES: Final = "stages"
_RESULT: Final = "result.json"
_LENGTH: Final = 16
_CONTENT: Final = Whole(key={}, result={}, seconds=NUMBER, date=TEXT)


@dataclass(frozen=True, slots=True)
class Stage:
    """A piece of work whose result is kept.

    Parameters
    ----------
    name : {"align", "evaluate", "attack", "drift"}
        What is done.
    key : mapping
        All that determines the result, ready for JSON.
    cost : float
        Expected work, in units of its own, for the time that is left.
    work : callable
        Called with an empty directory, where files may be left, and a function to call
        with the share that is done; returns the result, ready for JSON.
    after : tuple of str
        Folders of the stages whose files it reads.
    """

    name: str
    key: Mapping[str, Any]
    cost: float
    work: Callable[[Path, Callable[[float], None]], dict[str, Any]]
    after: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """``<name>-<hash of the key>``."""
        return f"{self.name}-{digest(self.key)}"


class Store:
    """The stages of a study in ``OUT/stages``.

    A stage's directory appears whole or not at all, with ``result.json`` that holds
    ``key``, ``result``, ``seconds`` and ``date``, and ``SHA256SUMS`` over all files.

    Parameters
    ----------
    directory : path
        The study's output folder.
    """

    def __init__(self, directory: Path) -> None:
        self._stages = directory / STAGES

    def path(self, stage: Stage) -> Path:
        """Where the stage's files are or will be."""
        return self._stages / stage.folder

    def has(self, stage: Stage) -> bool:
        """Whether the stage is done."""
        return (self.path(stage) / _RESULT).is_file()

    def read(self, stage: Stage) -> dict[str, Any]:
        """What `run` kept.

        Raises
        ------
        OSError, ValueError
            When it is not there, or not what was written; names the file. A stage
            whose folder is deleted is done again.
        """
        folder = self.path(stage)
        file = folder / _RESULT
        try:
            verify_checksums(folder)
            content = read_json(file)
            check_shape(content, _CONTENT, str(file))
        except (FileNotFoundError, ValueError) as error:
            error.add_note(f"delete {folder}, and the stage is done again")
            raise
        return content

    def run(self, stage: Stage, report: Callable[[float], None]) -> dict[str, Any]:
        """Do the work and keep its result, unless another process did so meanwhile.

        Raises
        ------
        Exception
            Whatever the work raises; nothing is kept then.
        """
        self._stages.mkdir(parents=True, exist_ok=True)
        if self.path(stage).exists() and not self.has(stage):
            remove_directory(self.path(stage))
        began = time.perf_counter()
        with new_directory(self.path(stage), replace=False) as directory:
            content = {
                "key": dict(stage.key),
                "result": plain(stage.work(directory, report)),
                "seconds": round(time.perf_counter() - began, 3),
                "date": dt.datetime.now(dt.UTC).isoformat("T", "seconds"),
            }
            write_json(directory / _RESULT, content, indent=None)
            write_checksums(directory)
        return content


def finished_folders(directory: Path) -> set[str]:
    """The folders of all stages in a study's folder that are done."""
    return {path.parent.name for path in (directory / STAGES).glob(f"[!.]*/{_RESULT}")}


def digest(value: Any) -> str:
    """A hash of anything that JSON can hold."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
