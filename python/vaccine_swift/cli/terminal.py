"""What the commands say beside their results, on standard error."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console

__all__ = ["duration", "status"]


@contextlib.contextmanager
def status(text: str) -> Iterator[None]:
    """Show what is going on while the block runs; nothing where nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def duration(seconds: float) -> str:
    """A time for people: "48 s" or "2 min 05 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
