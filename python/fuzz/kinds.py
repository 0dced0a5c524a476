"""What a format of files is to the fuzzer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Kind"]


@dataclass(frozen=True)
class Kind:
    """A file or a directory of a format, and what reads it."""

    name: str
    path: Path
    read: Callable[[Path], object]
