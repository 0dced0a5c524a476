"""Files that other machines replace: what a name stands for now."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Final

__all__ = ["read_whole"]

_PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between tries, in all longer than names are usually kept in a cache."""


def read_whole(path: Path) -> bytes:
    """The bytes of a file that another machine may have replaced a moment ago.

    On network file systems a name may stand for the file before that, which is gone by
    then (ESTALE), until this machine's cache forgets it.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    for pause in _PAUSES:
        try:
            return path.read_bytes()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
        time.sleep(pause)
    return path.read_bytes()
