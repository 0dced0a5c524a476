"""The writers of the package: files and directories appear whole or not at all.

Everything is made in a directory ``.unfinished-…`` on the target's file system, flushed
to the disk and renamed. That directory is locked while its process lives, so what a
killed one leaves is told from what another one writes, and goes with the next write.
Files and directories get the permissions that the process's umask leaves.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import filecmp
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.plain_json import json_text

__all__ = [
    "append_line",
    "new_directory",
    "new_file",
    "remove_directory",
    "remove_stale",
    "settle",
    "staged_files",
    "write_bytes",
    "write_json",
    "write_tensors",
    "write_text",
]

_UNFINISHED: Final = ".unfinished-"
_COMMITTED: Final = ".committed-"
_FORMER: Final = ".former-"
_OBSOLETE: Final = ".obsolete"


# MARK: Files


@contextlib.contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write a file at, which becomes `path` when the block ends.

    On an error, or when the process is killed, a file at `path` stays as it was.

    Raises
    ------
    OSError
        When the disk refuses; names `path`.
    """
    target = Path(path)
    with _naming(target), _stage(target.absolute().parent, target.name) as stage:
        beside = stage / target.name
        yield beside
        _finish(stage)
        beside.replace(target)
        _flush_names(target.absolute().parent)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all; OSError names it."""
    with new_file(path) as beside:
        beside.write_bytes(content)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 file whole or not at all; OSError names it."""
    write_bytes(path, text.encode())


def write_json(
    path: str | os.PathLike[str],
    value: Any,
    *,
    indent: int | None = 2,
    sort_keys: bool = False,
) -> None:
    """Write a value as `json_text` puts it, whole or not at all; OSError names it."""
    write_text(path, json_text(value, indent=indent, sort_keys=sort_keys) + "\n")


def write_tensors(
    path: str | os.PathLike[str],
    tensors: Mapping[str, npt.NDArray[Any]],
    metadata: Mapping[str, str],
) -> None:
    """Write a safetensors file whole or not at all; OSError names it."""
    from safetensors.numpy import save_file

    with new_file(path) as beside:
        contiguous = {
            name: np.asarray(value, order="C") for name, value in tensors.items()
        }
        save_file(contiguous, beside, metadata=dict(metadata))


def append_line(path: str | os.PathLike[str], line: str) -> None:
    """Add a line to a file in one write; OSError names the file."""
    with _naming(Path(path)), Path(path).open("ab", buffering=0) as file:
        file.write((line + "\n").encode())


# MARK: Directories


@contextlib.contextmanager
def new_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty directory that becomes `path` when the block ends without error.

    A directory that is at `path` is replaced with all that is in it. On an error
    `path` is as it was. A process that is killed while it replaces may leave the
    former directory aside: `remove_stale` of the parent puts it back.

    Raises
    ------
    OSError
        When the disk refuses; names `path`.
    """
    target = Path(path)
    parent = target.absolute().parent
    with _naming(target):
        parent.mkdir(parents=True, exist_ok=True)
        with _stage(parent, target.name) as stage:
            yield stage
            _finish(stage)
            former = parent / f"{_FORMER}{target.name}"
            if target.exists():
                shutil.rmtree(former, ignore_errors=True)
                target.rename(former)
            stage.rename(target)
            _flush_names(parent)
            shutil.rmtree(former, ignore_errors=True)


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
    with _naming(target):
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "must be a directory")
        if not target.exists():
            with new_directory(target) as stage:
                yield stage
            return
        settle(target)
        remove_stale(target)
        with _stage(target, "files") as stage:
            yield stage
            new = {entry.name for entry in stage.iterdir()}
            old = {entry.name for each in obsolete for entry in target.glob(each)}
            gone = sorted(old - new)
            changed = _drop_unchanged(stage, target)
            if len(changed) + len(gone) <= 1:
                _finish(stage)
                for name in changed:
                    (stage / name).replace(target / name)
                for name in gone:
                    (target / name).unlink()
                _flush_names(target)
            else:
                (stage / _OBSOLETE).write_text(json.dumps(gone))
                _finish(stage)
                committed = target / f"{_COMMITTED}{uuid.uuid4().hex[:8]}"
                stage.rename(committed)
                _flush_names(target)
                _move_files(committed)


def settle(directory: Path) -> None:
    """Move the files that a killed process had decided on; before reading them.

    Raises
    ------
    OSError
        When the disk refuses; names `directory`.
    """
    with _naming(directory, "could not complete files that a killed process wrote"):
        for committed in directory.glob(f"{_COMMITTED}*"):
            with _locked(committed) as is_there:
                if is_there:
                    _move_files(committed)


def remove_directory(path: Path) -> None:
    """Delete a directory so that nobody meets half of it: it is renamed first."""
    aside = path.with_name(f"{_UNFINISHED}{path.name}-{uuid.uuid4().hex[:8]}")
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
    _remove_unlocked(parent.glob(f"{_UNFINISHED}*"))


# MARK: Stages


@contextlib.contextmanager
def _stage(parent: Path, name: str) -> Iterator[Path]:
    """A directory in `parent` for unfinished files: locked, and gone at the end."""
    _remove_unlocked(parent.glob(f"{_UNFINISHED}{_escaped(name)}-*"))
    with contextlib.ExitStack() as stack:
        is_there = False
        while not is_there:
            stage = parent / f"{_UNFINISHED}{name}-{uuid.uuid4().hex[:8]}"
            stack.callback(shutil.rmtree, stage, ignore_errors=True)
            stage.mkdir()
            is_there = stack.enter_context(_locked(stage))
        yield stage


def _escaped(name: str) -> str:
    """A name as a glob pattern that matches it alone."""
    return re.sub(r"([*?[])", r"[\1]", name)


def _remove_unlocked(entries: Iterable[Path]) -> None:
    for entry in entries:
        if not entry.is_dir():
            entry.unlink(missing_ok=True)
            continue
        with contextlib.suppress(BlockingIOError), _locked(entry, wait=False):
            shutil.rmtree(entry, ignore_errors=True)


@contextlib.contextmanager
def _locked(directory: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a directory's lock; False where the directory has gone meanwhile.

    File systems without locks are taken as having no other writer.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError:
            pass
        yield _is_at(directory, descriptor)
    finally:
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


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


def _move_files(committed: Path) -> None:
    """Put decided files in the place of the old ones, which go first."""
    directory = committed.parent
    listed = committed / _OBSOLETE
    gone = json.loads(listed.read_text())
    moved = [entry for entry in committed.iterdir() if entry != listed]
    for name in (*gone, *(entry.name for entry in moved)):
        (directory / name).unlink(missing_ok=True)
    for entry in moved:
        entry.rename(directory / entry.name)
    _flush_names(directory)
    remove_directory(committed)


def _finish(stage: Path) -> None:
    """Give everything in a stage its permissions, and flush it to the disk.

    What is written for another stage is flushed with that one.
    """
    mode = stage.stat().st_mode & 0o666
    for entry in stage.rglob("*"):
        if entry.is_file():
            entry.chmod(mode)
        if not _is_staged(stage.parent):
            _flush(entry)
    if not _is_staged(stage.parent):
        _flush(stage)


def _is_staged(path: Path) -> bool:
    return any(part.startswith(_UNFINISHED) for part in path.parts)


def _flush_names(directory: Path) -> None:
    if not _is_staged(directory):
        _flush(directory)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _naming(path: Path, what: str = "could not write") -> Iterator[None]:
    """Errors of the disk as OSError with `path` in it, whoever met them."""
    from safetensors import SafetensorError

    try:
        yield
    except OSError as error:
        number, text = error.errno or errno.EIO, error.strerror or str(error)
        text = text.removeprefix(f"{what}: ")
        raise OSError(number, f"{what}: {text}", str(path)) from error
    except SafetensorError as error:
        known = re.search(r"os error (\d+)", str(error))
        number = int(known[1]) if known else errno.EIO
        raise OSError(number, f"{what}: {error}", str(path)) from error
