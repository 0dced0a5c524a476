"""The word lists of the proxy set, and the choice that a text makes from one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

__all__ = ["WORDS", "pick", "word_lines", "word_text"]

WORDS: Final = Path(__file__).parent / "words"


def word_lines(name: str) -> list[str]:
    """The lines of a list; ``#`` begins a comment."""
    return [line for line in word_text(name).split("\n") if line and line[0] != "#"]


def word_text(name: str) -> str:
    """The text of a list."""
    return (WORDS / name).read_text("utf-8")


def pick(choices: list[str], use: str, request: str) -> str:
    """The choice that the hash of a request makes; another `use` chooses anew."""
    digest = hashlib.sha256(f"{use}\n{request}".encode()).digest()
    return choices[int.from_bytes(digest[:8], "big") % len(choices)]
