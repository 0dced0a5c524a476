"""Stages: locked directories for what is not finished, flushed before it is renamed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

__all__ = [
    "UNFINISHED",
    "finish",
    "flush_names",
    "locked",
    "naming",
    "remove_unlocked",
    "stage_in",
]

UNFINISHED: Final = ".unfinished-"
"""What names of stages begin with."""
_ABANDONED: Final = 86_400.0
"""Seconds after which what has no lock is taken as left by a dead process."""
_MACHINE: Final = "@"
"""Stands in a stage's name before what tells its machine."""


@contextlib.contextmanager
def stage_in(parent: Path, name: str) -> Iterator[Path]:
    """A directory in `parent` for unfinished files: locked, and gone at the end.

    Those that dead processes left there go first, whatever they were to become.
    """
    remove_unlocked(parent.glob(f"{UNFINISHED}*"))
    with contextlib.ExitStack() as stack:
        is_there = False
        while not is_there:
            own = f"{uuid.uuid4().hex[:8]}{_MACHINE}{_machine()}"
            stage = parent / f"{UNFINISHED}{name}-{own}"
            stack.callback(shutil.rmtree, stage, ignore_errors=True)
            stage.mkdir()
            is_there = stack.enter_context(locked(stage))
        yield stage


def _machine() -> str:
    return hashlib.blake2s(socket.gethostname().encode(), digest_size=4).hexdigest()


def _is_from_here(name: str) -> bool:
    """Whether this machine made a stage, or none is told."""
    _, told, machine = name.rpartition(_MACHINE)
    return not told or machine == _machine()


def remove_unlocked(entries: Iterable[Path]) -> None:
    """Delete those that no living process holds, and that this one may delete.

    Where the file system has no locks, as of directories on NFS, or where another
    machine made them, whose locks may not be seen here, those that nobody has touched
    for a day.
    """
    for entry in entries:
        with contextlib.suppress(OSError):
            if not entry.is_dir():
                entry.unlink(missing_ok=True)
                continue
            descriptor = os.open(entry, os.O_RDONLY | os.O_DIRECTORY)
            try:
                is_ours = _lock(descriptor, wait=False) and _is_from_here(entry.name)
                age = time.time() - os.fstat(descriptor).st_mtime
                if is_ours or age > _ABANDONED:
                    shutil.rmtree(entry, ignore_errors=True)
            finally:
                os.close(descriptor)


@contextlib.contextmanager
def locked(directory: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a directory's lock; False where the directory has gone meanwhile.

    File systems without locks are taken as having no other writer.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        yield False
        return
    try:
        _lock(descriptor, wait=wait)
        yield _is_at(directory, descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Lock a directory, or raise BlockingIOError; False where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def finish(stage: Path) -> None:
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
    return any(part.startswith(UNFINISHED) for part in path.parts)


def flush_names(directory: Path) -> None:
    """Flush the names in a directory, unless it is a stage and flushed at its end."""
    if not _is_staged(directory):
        _flush(directory)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def naming(path: Path, what: str = "could not write") -> Iterator[None]:
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
