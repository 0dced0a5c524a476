"""Directories and sets of files that are replaced in one step."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from vaccine_swift.files.stages import (
    UNFINISHED,
    finish,
    flush_names,
    locked,
    naming,
    remove_unlocked,
    stage_in,
)
from vaccine_swift.files.strict_json import parse_json

__all__ = [
    "new_directory",
    "remove_directory",
    "remove_stale",
    "settle",
    "staged_files",
]

_COMMITTED: Final = ".committed-"
_FORMER: Final = ".former-"
_OBSOLETE: Final = ".obsolete"


@contextlib.contextmanager
def new_directory(
    path: str | os.PathLike[str], *, replace: bool = True
) -> Iterator[Path]:
    """Yield an empty directory that becomes `path` when the block ends without error.

    A directory that is at `path` is replaced with all that is in it. On an error
    `path` is as it was. A process that is killed while it replaces may leave the
    former directory aside: `remove_stale` of the parent puts it back.

    Parameters
    ----------
    path : path
        Where the directory goes.
    replace : bool
        False: a directory that is at `path` by the end stays, if it is not empty, and
        the new one is dropped: of several writers of the same the first is kept.

    Raises
    ------
    OSError
        When the disk refuses; names `path`.
    """
    target = Path(path)
    parent = target.absolute().parent
    with naming(target):
        parent.mkdir(parents=True, exist_ok=True)
        with stage_in(parent, target.name) as stage:
            yield stage
            finish(stage)
            former = parent / f"{_FORMER}{target.name}"
            if replace and target.exists():
                shutil.rmtree(former, ignore_errors=True)
                target.rename(former)
            try:
                stage.rename(target)
            except OSError as error:
                if replace or not _is_taken(target, error):
                    raise
            flush_names(parent)
            shutil.rmtree(former, ignore_errors=True)


def _is_taken(target: Path, error: OSError) -> bool:
    """Whether a rename was refused for what is there, in any file system's words."""
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
        return True
    return target.is_dir() and any(target.iterdir())


@contextlib.contextmanager
def staged_files(
    directory: str | os.PathLike[str], *, obsolete: Iterable[str] = ()
) -> Iterator[Path]:
    """Yield an empty directory whose files go into `directory` together at the end.

    The step that decides is a single rename, so that a killed process leaves the old
    files or the new ones, never some of each: `settle` moves files that were decided
    on and not yet moved. Other files of `directory` stay.

    Parameters
    ----------
    directory : path
        Made where it does not exist.
    obsolete : iterable of str
        Patterns of files that belong to the old ones, and go where they are not among
        the new.

    Raises
    ------
    OSError
        When the disk refuses, or `directory` is a file; names `directory`. The old
        files stay as they were.
    """
    target = Path(directory).absolute()
    with naming(target):
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "must be a directory")
        if not target.exists():
            with new_directory(target) as stage:
                yield stage
            return
        settle(target)
        remove_stale(target)
        with stage_in(target, "files") as stage:
            yield stage
            new = {entry.name for entry in stage.iterdir()}
            old = {entry.name for each in obsolete for entry in target.glob(each)}
            gone = sorted(old - new)
            changed = _drop_unchanged(stage, target)
            if len(changed) + len(gone) <= 1:
                finish(stage)
                for name in changed:
                    (stage / name).replace(target / name)
                for name in gone:
                    (target / name).unlink()
                flush_names(target)
            else:
                (stage / _OBSOLETE).write_text(json.dumps(gone))
                finish(stage)
                committed = target / f"{_COMMITTED}{uuid.uuid4().hex[:8]}"
                stage.rename(committed)
                flush_names(target)
                _move_files(committed)


def settle(directory: Path) -> None:
    """Move the files that a killed process had decided on; before reading them.

    Raises
    ------
    OSError
        When the disk refuses; names `directory`.
    ValueError
        When what is decided on is not files of `directory` alone.
    """
    with naming(directory, "could not complete files that a killed process wrote"):
        for committed in directory.glob(f"{_COMMITTED}*"):
            if committed.is_symlink():
                raise ValueError(f"{committed} must be a directory, got a link")
            with locked(committed) as is_there:
                if is_there:
                    _move_files(committed)


def remove_directory(path: Path) -> None:
    """Delete a directory so that nobody meets half of it: it is renamed first."""
    aside = path.with_name(f"{UNFINISHED}{path.name}-{uuid.uuid4().hex[:8]}")
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(BlockingIOError):  # the caller's own, mostly
            stack.enter_context(locked(path, wait=False))
        shutil.rmtree(path.rename(aside))


def remove_stale(parent: Path) -> None:
    """Delete what killed processes left unfinished in `parent`.

    A directory that one of them had set aside, to put another in its place, is put
    back where the other did not come.
    """
    for former in parent.glob(f"{_FORMER}*"):
        target = parent / former.name.removeprefix(_FORMER)
        if target.exists():
            shutil.rmtree(former, ignore_errors=True)
        else:
            former.rename(target)
    remove_unlocked(parent.glob(f"{UNFINISHED}*"))


def _drop_unchanged(stage: Path, target: Path) -> list[str]:
    """Delete staged files that `target` has already; the names of the others."""
    changed = []
    for entry in sorted(stage.iterdir()):
        other = target / entry.name
        if other.is_file() and filecmp.cmp(entry, other, shallow=False):
            entry.unlink()
        else:
            changed.append(entry.name)
    return changed


def _names_in(listed: Path) -> list[str]:
    """Names of files beside each other: the list may come with a stranger's folder."""
    try:
        names = parse_json(listed.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{listed} is damaged: {error}") from error
    if not isinstance(names, list) or not all(map(_is_name, names)):
        raise ValueError(f"{listed} is damaged: it must list names of files")
    return names


def _is_name(value: Any) -> bool:
    return (
        isinstance(value, str)
        and value not in ("", ".", "..")
        and not set(value) & {"/", "\0"}
    )


def _move_files(committed: Path) -> None:
    """Put decided files in the place of the old ones, which go first."""
    directory = committed.parent
    listed = committed / _OBSOLETE
    gone = _names_in(listed)
    moved = [entry for entry in committed.iterdir() if entry != listed]
    for name in (*gone, *(entry.name for entry in moved)):
        (directory / name).unlink(missing_ok=True)
    for entry in moved:
        entry.rename(directory / entry.name)
    flush_names(directory)
    remove_directory(committed)
