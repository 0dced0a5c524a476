"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import safetensors

__all__ = ["staged_files"]


@contextlib.contextmanager
def staged_files(directory: Path) -> Iterator[Path]:
    """Yield an empty directory whose files move into `directory` at the end.

    They are written beside `directory`, flushed to the disk, and renamed one by one; a
    new `directory` appears with all of them at once. On an error nothing is moved and
    the old files stay as they were.

    Raises
    ------
    OSError
        When the disk refuses, or `directory` is a file; names `directory`.
    """
    directory = directory.absolute()
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "must be a directory", str(directory))
    stage: Path | None = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        name = f".unfinished-{directory.name}-{uuid.uuid4().hex}"
        stage = directory.parent / name
        stage.mkdir()
        # What the process's umask leaves; safetensors writes for the owner alone.
        mode = stage.stat().st_mode & 0o666
        yield stage
        for entry in stage.iterdir():
            entry.chmod(mode)
            _flush(entry)
        if directory.exists():
            for entry in sorted(stage.iterdir()):
                entry.replace(directory / entry.name)
        else:
            stage.rename(directory)
    except safetensors.SafetensorError as error:
        raise OSError(errno.EIO, f"could not write: {error}", str(directory)) from error
    except OSError as error:
        code, text = error.errno or errno.EIO, error.strerror or str(error)
        raise OSError(code, f"could not write: {text}", str(directory)) from error
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
