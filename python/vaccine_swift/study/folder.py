"""The output folder of a study: whose it is, and its table of results."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from vaccine_swift.checkpoints.json_files import read_json
from vaccine_swift.files import remove_stale, write_json, write_text
from vaccine_swift.files.shapes import Shape, check_shape
from vaccine_swift.files.stages import UNFINISHED
from vaccine_swift.study.config import SETTINGS
from vaccine_swift.study.store import STAGES

if TYPE_CHECKING:
    from vaccine_swift.study.config import StudyConfig

__all__ = [
    "RESULTS",
    "SHARED",
    "STUDY",
    "check_folder",
    "holds",
    "is_in_use",
    "opened",
    "write_rows",
]

RESULTS: Final = "results.jsonl"
SHARED: Final = "shared"
STUDY: Final = "study.json"
_LOCK: Final = ".lock"
_SWEEP: Final = "sweep"
_MAPPINGS: Final = (_SWEEP, "parameters")
_ANY: Final = (object, bool)
_SHAPE: Final[Shape] = {
    **{name: [_ANY] for name, setting in SETTINGS.items() if setting.several},
    _SWEEP: {"*": [_ANY]},
}


@contextlib.contextmanager
def opened(
    directory: Path, config: StudyConfig, *, share: bool = False
) -> Iterator[None]:
    """Make the folder this study's while the block runs.

    Parameters
    ----------
    directory : Path
        The folder; made where it does not exist.
    config : StudyConfig
        The study.
    share : bool
        Whether other processes that share it, too, may work there; for this one alone
        otherwise.

    Raises
    ------
    ValueError
        When the folder holds another study, unless the new one only extends it; or
        other files.
    RuntimeError
        When another process works there. The lock ends with the process.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / _LOCK).open("a+") as file:
        if not _locked(file, fcntl.LOCK_SH if share else fcntl.LOCK_EX):
            raise RuntimeError(
                f"out must not be in use, but another study runs in {directory}"
            )
        for each in (directory, directory / STAGES):
            remove_stale(each)
        _claim(directory, config)
        yield
        remove_stale(directory / STAGES)


def is_in_use(directory: Path) -> bool:
    """Whether a process works alone in a study's folder, as far as locks tell."""
    path = directory / _LOCK
    if not path.exists():
        return False
    with path.open("a+") as file:
        return not _locked(file, fcntl.LOCK_SH)


def _locked(file: IO[str], operation: int) -> bool:
    """Whether others let us; a file system without locks does."""
    try:
        fcntl.flock(file, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def holds(directory: Path, config: StudyConfig) -> bool:
    """Whether the folder is this study's still: another process may extend it."""
    settings: dict[str, Any] = read_json(directory / STUDY)
    return settings == config.to_dict()


def write_rows(directory: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace ``results.jsonl``, whole or not at all.

    Raises
    ------
    OSError
        When the disk refuses; the former file stays.
    """
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    write_text(directory / RESULTS, "".join(f"{line}\n" for line in lines))


def check_folder(directory: Path, config: StudyConfig) -> dict[str, Any] | None:
    """Refuse a folder that `opened` would not make this study's; write nothing.

    Returns
    -------
    dict or None
        The settings of the study that it holds; None where it holds none.

    Raises
    ------
    ValueError
        When it holds another study, unless the new one only extends it; or other files.
    """
    path = directory / STUDY
    if path.exists():
        former = read_json(path)
        check_shape(former, _SHAPE, str(path))
        _check_extends(path, former, config.to_dict())
        return former
    entries = directory.iterdir() if directory.exists() else ()
    strange = {each.name for each in entries if _is_strange(each)}
    if strange:
        raise ValueError(
            f"out must be a new or empty folder or a study's, but {directory} has no "
            f"{STUDY} and holds {min(strange)!r}"
        )
    return None


def _claim(directory: Path, config: StudyConfig) -> None:
    settings = config.to_dict()
    if check_folder(directory, config) != settings:
        write_json(directory / STUDY, settings, indent=1)


def _is_strange(entry: Path) -> bool:
    """Whether it is none of the first files that another process of a study makes."""
    return entry.name not in (_LOCK, STUDY) and not entry.name.startswith(UNFINISHED)


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

    One that the study does not know has the value of studies before it.
    """
    setting, swept = SETTINGS.get(name), settings.get(_SWEEP, {})
    value = swept.get(name, settings.get(name, setting and setting.former))
    several = (setting and setting.several) or name in swept
    return {json.dumps(each): each for each in (value if several else [value])}


def _told(settings: Mapping[str, Any], name: str) -> str:
    return ", ".join(_values(settings, name))
