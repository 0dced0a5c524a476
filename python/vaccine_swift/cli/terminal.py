"""What the commands say beside their results, on standard error."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Final

from rich.console import Console

__all__ = ["duration", "status", "visible"]

_UNSEEN: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Spell out what a terminal would obey rather than show.

    Control characters other than tab and newline, marks that turn the direction of
    writing, and halves of surrogate pairs, as file names may hold them.

    Examples
    --------
    >>> print(visible("a\x1b]0;title\x07b"))
    a\x1b]0;title\x07b
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


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
