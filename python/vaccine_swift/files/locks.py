"""One writer at a time for a directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vaccine_swift.files.stages import naming

__all__ = ["Lock", "exclusive"]

_NAME: Final = ".lock"


class Lock:
    """A directory's ``.lock``, held until `release` or the end of the process.

    The lock is the system's, so that of a dead process is free, whatever file it left.
    A file system without locks is taken as having no other writer.

    Parameters
    ----------
    directory : Path
        Made where it does not exist.
    purpose : str
        What the holder does there, for the message to the next one.

    Raises
    ------
    RuntimeError
        When another process, or another lock of this one, holds it.
    OSError
        When the directory cannot be made or written to.
    """

    def __init__(self, directory: Path, purpose: str) -> None:
        self._path = directory / _NAME
        self._purpose = purpose
        self._descriptor = self._acquired()

    def ensure(self) -> None:
        """Make the directory and the lock again where they have been deleted.

        Raises
        ------
        RuntimeError
            When another process holds the lock by now.
        """
        if not self._is_at_path(self._descriptor):
            lost = self._descriptor
            self._descriptor = self._acquired()
            os.close(lost)

    def release(self) -> None:
        """Give the lock to others; the file goes."""
        if self._is_at_path(self._descriptor):
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _acquired(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(descriptor, 100).decode(errors="replace").strip()
                os.close(descriptor)
                raise RuntimeError(
                    f"{self._path.parent} is in use: {holder or 'a process'} "
                    f"{self._purpose} there"
                ) from None
            except OSError:
                pass
            if self._is_at_path(descriptor):
                self._sign(descriptor)
                return descriptor
            os.close(descriptor)  # its holder deleted it in between

    def _sign(self, descriptor: int) -> None:
        """Say who holds the lock; on a full disk it is given back."""
        try:
            with naming(self._path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"process {os.getpid()}\n".encode(), 0)
        except OSError:
            self._path.unlink(missing_ok=True)
            os.close(descriptor)
            raise

    def _is_at_path(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False


@contextlib.contextmanager
def exclusive(directory: Path, purpose: str) -> Iterator[Lock]:
    """Hold a directory's `Lock` while the block runs."""
    lock = Lock(directory, purpose)
    try:
        yield lock
    finally:
        lock.release()
