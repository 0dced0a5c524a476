"""Matches regular expressions, in a process of its own; `lora_expressions` asks.

They come with an adapter, from anybody. The file needs the standard library only.
"""

from __future__ import annotations

import re

__all__ = ["answer"]


def answer(request: tuple[list[str], list[str]]) -> list[list[bool]]:
    """Of each expression, which names it matches as a whole."""
    texts, names = request
    matches = [re.compile(text).fullmatch for text in texts]
    return [[match(name) is not None for name in names] for match in matches]
