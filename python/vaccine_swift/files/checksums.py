"""The SHA-256 of files; of those of a directory as ``sha256sum -c`` reads it."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple

from vaccine_swift.files import write_text

__all__ = ["CHECKSUMS", "file_sha256", "verify_checksums", "write_checksums"]

CHECKSUMS: Final = "SHA256SUMS"
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([^/]+)")
_TICK: Final = 20_000_000
"""Nanoseconds within which two changes may get the same time."""


class _State(NamedTuple):
    """A file on the disk, as far as it tells without being read."""

    inode: tuple[int, int]
    size: int
    modified: int
    changed: int


_known: Final[dict[_State, str]] = {}


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, 64 hexadecimal digits.

    Each process reads a file once for it, and again when the file was changed or
    replaced, which its inode, its size and its times tell. A file that was changed just
    now is read each time: another change might leave its times as they are.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    with path.open("rb") as file:
        before = _state(file.fileno())
        if before in _known:
            return _known[before]
        settled = time.time_ns() - before.changed > _TICK
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if settled and _state(file.fileno()) == before:
            _known[before] = found
        return found


def _state(descriptor: int) -> _State:
    status = os.fstat(descriptor)
    return _State(
        (status.st_dev, status.st_ino),
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def write_checksums(directory: Path) -> None:
    """Write ``SHA256SUMS`` over all files that are in a directory."""
    files = sorted(entry for entry in directory.iterdir() if entry.name != CHECKSUMS)
    lines = (f"{_digest(path)}  {path.name}\n" for path in files)
    write_text(directory / CHECKSUMS, "".join(lines))


def verify_checksums(directory: Path, names: Collection[str] | None = None) -> bool:
    """Compare files with the directory's ``SHA256SUMS``.

    Parameters
    ----------
    directory : Path
        Where they are.
    names : collection of str, optional
        Look at those of them that are listed; at all that are listed if left out.

    Returns
    -------
    bool
        False where there is no ``SHA256SUMS``.

    Raises
    ------
    ValueError
        When a file is not the one that was written; names it.
    FileNotFoundError
        When a listed file is not there.
    """
    path = directory / CHECKSUMS
    if not path.is_file():
        return False
    text = path.read_text(encoding="ascii", errors="replace")
    sums = {}
    for line in text.splitlines():
        if not (match := _LINE.fullmatch(line)):
            raise ValueError(f"{path} is damaged: it holds {line!r}")
        sums[match[2]] = match[1]
    for name in sums if names is None else sums.keys() & set(names):
        if not (directory / name).is_file():
            raise FileNotFoundError(f"{directory} is not whole: no {name}")
        if _digest(directory / name) != sums[name]:
            raise ValueError(
                f"{directory / name} is damaged: it is not what was written "
                f"(SHA-256 differs from {CHECKSUMS})"
            )
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
