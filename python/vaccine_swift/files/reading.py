"""Files that are read whole: what a name stands for now, if there is memory for it."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Final

from vaccine_swift import _core

__all__ = ["check_fits", "read_whole"]

_PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between tries, in all longer than names are usually kept in a cache."""


def check_fits(path: Path) -> None:
    """Refuse a file that is longer than the memory left: it may be all holes.

    Raises
    ------
    MemoryError
        Names it.
    OSError
        When there is no such file.
    """
    size, left = path.stat().st_size, _core.available_memory()
    if size > left:
        raise MemoryError(
            f"{path} holds {size // 10**6} MB, but only {left // 10**6} MB of memory "
            "are available"
        )


def read_whole(path: Path) -> bytes:
    """The bytes of a file that another machine may have replaced a moment ago.

    On network file systems a name may stand for the file before that, which is gone by
    then (ESTALE), until this machine's cache forgets it.

    Raises
    ------
    OSError
        When it cannot be read.
    MemoryError
        When it is longer than the memory left; names it.
    """
    for pause in _PAUSES:
        try:
            check_fits(path)
            return path.read_bytes()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
        time.sleep(pause)
    return path.read_bytes()
