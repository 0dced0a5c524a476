"""The output folder of a study: whose it is, and its table of results."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift.checkpoints.json_files import read_json
from vaccine_swift.files import remove_stale, write_json, write_text
from vaccine_swift.study.config import SETTINGS
from vaccine_swift.study.store import STAGES

if TYPE_CHECKING:
    from vaccine_swift.study.config import StudyConfig

__all__ = ["RESULTS", "STUDY", "opened", "write_rows"]

RESULTS: Final = "results.jsonl"
STUDY: Final = "study.json"
_LOCK: Final = ".lock"
_SWEEP: Final = "sweep"
_MAPPINGS: Final = (_SWEEP, "parameters")


@contextlib.contextmanager
def opened(directory: Path, config: StudyConfig) -> Iterator[None]:
    """Make the folder this study's, for this process alone, while the block runs.

    Raises
    ------
    ValueError
        When the folder holds another study, unless the new one only extends it; or
        other files.
    RuntimeError
        When another process works there. The lock ends with the process.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(
                f"out must not be in use, but another study runs in {directory}"
            ) from None
        for each in (directory, directory / STAGES):
            remove_stale(each)
        _claim(directory, config)
        yield


def write_rows(directory: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace ``results.jsonl``, whole or not at all.

    Raises
    ------
    OSError
        When the disk refuses; the former file stays.
    """
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    write_text(directory / RESULTS, "".join(f"{line}\n" for line in lines))


def _claim(directory: Path, config: StudyConfig) -> None:
    path = directory / STUDY
    settings = config.to_dict()
    if path.exists():
        _check_extends(path, read_json(path), settings)
    elif strange := {each.name for each in directory.iterdir()} - {_LOCK}:
        raise ValueError(
            f"out must be a new or empty folder or a study's, but {directory} has no "
            f"{STUDY} and holds {min(strange)!r}"
        )
    write_json(path, settings, indent=1)


def _check_extends(
    path: Path, former: Mapping[str, Any], present: Mapping[str, Any]
) -> None:
    """Refuse a study that is not the former one, be it with more values in the grid."""
    changes = [
        f"{name} was {_told(former, name)}, is {_told(present, name)}"
        for name in dict.fromkeys((*former, *present))
        if name not in _MAPPINGS
        and not _values(former, name).items() <= _values(present, name).items()
    ]
    if changes:
        raise ValueError(
            f"out must be a folder of this study or of a part of it, but in "
            f"{path.parent} " + "; ".join(changes)
        )


def _values(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """All values that a field takes in a study, by their text in JSON.

    One that the study does not know has its default.
    """
    setting, swept = SETTINGS.get(name), settings.get(_SWEEP, {})
    value = swept.get(name, settings.get(name, setting and setting.default))
    several = (setting and setting.several) or name in swept
    return {json.dumps(each): each for each in (value if several else [value])}


def _told(settings: Mapping[str, Any], name: str) -> str:
    return ", ".join(_values(settings, name))
