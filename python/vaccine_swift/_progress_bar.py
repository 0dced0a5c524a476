"""Progress bars that fit their terminal."""

from __future__ import annotations

import os
import sys
from typing import Any, Final, TextIO

from tqdm import tqdm  # type: ignore[import-untyped]

__all__ = ["ProgressBar"]

_USUAL: Final = 80
"""Columns of a terminal that does not tell its width, as in some containers."""
_LINES: Final = 20
"""How many bars may stand below each other."""


class ProgressBar(tqdm):  # type: ignore[misc]
    """tqdm's, in as many columns as there are now.

    A ``{bar}`` has ten of them, and fewer where the words beside it need the room.
    """

    def __init__(self, *, file: TextIO | None = None, **settings: Any) -> None:
        file = sys.stderr if file is None else file
        super().__init__(file=file, ncols=_USUAL, nrows=_LINES, **settings)

    @property
    def format_dict(self) -> dict[str, Any]:
        """What a line is made of."""
        found: dict[str, Any] = super().format_dict | {"ncols": None}
        if (columns := _columns(self.fp)) is not None:
            # A line of all columns would break.
            found["ncols"] = min(columns - 1, len(self.format_meter(**found)))
        return found


def _columns(file: TextIO) -> int | None:
    """Of the terminal that a file is; None: it is none."""
    try:
        return os.get_terminal_size(file.fileno()).columns or _USUAL
    except (AttributeError, OSError, ValueError):
        return None
