"""Tables of a page as data; a template draws them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Cell", "Table"]

_NUMBERS: Final = re.compile(r"(?:[−+]?\d[\d.\u202f]*(?:e−?\d+)?(?: %)?(?: to |$))+|–")
_NARROW: Final = 3
"""Most columns that a telephone shows without scrolling."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell; plain text, escaped by the template.

    Parameters
    ----------
    text : str
    small : str
        After it in small print, such as an interval.
    below : str
        On a line of its own in small print.
    title : str
        Shows under the pointer.
    strong : bool
        Whether `text` is bold.
    swatch : str
        The line style that is shown before it.
    """

    text: str
    small: str = ""
    below: str = ""
    title: str = ""
    strong: bool = False
    swatch: str = ""

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers alone, which are not broken into lines."""
        return _NUMBERS.fullmatch(self.text) is not None


class Table:
    """Heads and rows.

    Parameters
    ----------
    heads : sequence of str
    rows : iterable of sequences of str or Cell
    wrapped : bool
        Whether the first column may break its lines.
    pale : iterable of int
        Rows that are drawn pale.
    prose : bool
        Whether cells hold sentences, which break their lines and start at the left.
    told : callable, optional
        What shows under the pointer at a head; empty for nothing.
    """

    def __init__(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[str | Cell]],
        *,
        wrapped: bool = False,
        pale: Iterable[int] = (),
        prose: bool = False,
        told: Callable[[str], str] | None = None,
    ) -> None:
        self.heads = tuple(heads)
        self.titles = tuple(told(head) if told else "" for head in heads)
        self.rows = [
            tuple(each if isinstance(each, Cell) else Cell(each) for each in row)
            for row in rows
        ]
        self.wrapped = wrapped
        self.pale = frozenset(pale)
        self.prose = prose

    @property
    def wide(self) -> bool:
        """Whether a narrow screen cuts it, so that it says that it scrolls."""
        return len(self.heads) > _NARROW
