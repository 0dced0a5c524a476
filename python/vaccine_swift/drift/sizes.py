"""Amounts of memory as people write them."""

from __future__ import annotations

import re
from typing import Final

from vaccine_swift._arguments import check_range

__all__ = ["byte_count"]

_MEMORY: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?)i?B?\s*", re.IGNORECASE)
_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


def byte_count(memory: str | int) -> int:
    """A number of bytes, or a text such as "256MB".

    Raises
    ------
    TypeError, ValueError
        When it is neither.
    """
    if isinstance(memory, str):
        match = _MEMORY.fullmatch(memory)
        if match is None:
            raise ValueError(f"memory must be such as '256MB', got {memory!r}")
        return int(float(match[1]) * _UNITS[match[2].upper()])
    check_range("memory", memory, minimum=1, maximum=2**62, integer=True)
    return int(memory)
