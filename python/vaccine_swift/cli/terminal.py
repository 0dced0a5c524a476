"""What the commands say beside their results, on standard error."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text

__all__ = ["duration", "exact", "say", "shown", "status", "visible"]

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


def say(text: str) -> None:
    """Print a note on standard error."""
    print(visible(text), file=sys.stderr)


def shown(text: str) -> str:
    """`visible` where a terminal reads it, the text itself where a program does."""
    return visible(text) if sys.stdout.isatty() else text


def exact(text: str) -> str:
    r"""Spell out in JSON what a terminal would obey; a reader gets the same values.

    Examples
    --------
    >>> print(exact('{"a": "\x9b2J"}'))
    {"a": "\u009b2J"}
    """
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


@contextlib.contextmanager
def status(text: str) -> Iterator[None]:
    """Show what is going on while the block runs; nothing where nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(Text(visible(text))):
        yield


def duration(seconds: float) -> str:
    """A time for people: "48 s" or "2 min 05 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
