"""`Segment`: a piece of a row's text."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Segment"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the text, and whether its tokens are learned."""

    text: str
    supervised: bool
