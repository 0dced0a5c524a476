"""Files and directories that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["append_line", "new_directory", "remove_directory", "remove_stale"]
__all__ += ["write_text"]

_PREFIX: Final = ".unfinished-"


def write_text(path: Path, text: str) -> None:
    """Write a file beside `path`, flush it to the disk, and rename it to `path`.

    Raises
    ------
    OSError
        When the disk refuses; names `path`, whose former content stays.
    """
    beside = path.with_name(f"{_PREFIX}{path.name}")
    with _naming(path):
        try:
            with beside.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def append_line(path: Path, line: str) -> None:
    """Add a line to a file, in one write.

    Raises
    ------
    OSError
        When the disk refuses; names `path`.
    """
    with _naming(path), path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@contextlib.contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield an empty directory that becomes `path` when the block ends without error.

    All files are flushed to the disk before the rename. A directory already at `path`
    is replaced. On an error, or when the process is killed, `path` is as it was.

    Raises
    ------
    OSError
        When the disk refuses; names `path`.
    """
    beside = path.with_name(f"{_PREFIX}{path.name}")
    with _naming(path):
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        try:
            yield beside
            for entry in beside.rglob("*"):
                _flush(entry)
            _flush(beside)
            former = _set_aside(path) if path.exists() else None
            beside.rename(path)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        _flush(path.parent)
        if former:
            shutil.rmtree(former)


def remove_directory(path: Path) -> None:
    """Delete a directory so that nobody meets half of it: it is renamed first."""
    shutil.rmtree(_set_aside(path))


def remove_stale(parent: Path) -> None:
    """Delete what a killed process left unfinished in `parent`."""
    for entry in parent.glob(f"{_PREFIX}*"):
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{_PREFIX}old-{path.name}")
    shutil.rmtree(aside, ignore_errors=True)
    return path.rename(aside)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors of the disk as OSError with `path` in it, whoever met them."""
    from safetensors import SafetensorError

    try:
        yield
    except OSError as error:
        number, text = error.errno or errno.EIO, error.strerror or str(error)
        raise OSError(number, f"could not write: {text}", str(path)) from error
    except SafetensorError as error:
        raise OSError(errno.EIO, f"could not write: {error}", str(path)) from error
