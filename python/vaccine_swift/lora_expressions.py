"""Which modules a regular expression of an adapter means, matched within bounds.

The expression comes with an adapter, from anybody, and may try more ways to match than
there is time for. One that repeats or chooses is matched in a process of its own.
"""

from __future__ import annotations

import functools
import itertools
import re
from pathlib import Path
from typing import Final

from vaccine_swift._arguments import shortened
from vaccine_swift.machine.bounded_process import BoundedProcess, Unanswered

__all__ = ["SECONDS", "check_expression", "matched"]

SECONDS: Final = 10
"""Longest time in which expressions are matched with all names, of the processor."""

_WORKER: Final = Path(__file__).with_name("lora_expressions_worker.py")
# Letters, digits, points, escapes: there is one way to match.
_PLAIN: Final = re.compile(r"[\w.\\-]*")


def _whole(text: str, *, ending: bool) -> str:
    """The expression for whole names; PEFT's own where `text` means their ends."""
    return rf"(.*\.)?({text})" if ending else text


def check_expression(name: str, text: str, *, ending: bool = False) -> None:
    """Raise ValueError, naming the argument, for what is no regular expression."""
    try:
        re.compile(text)
        re.compile(_whole(text, ending=ending))
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(
            f"{name}: {text!r} is no regular expression: {error}"
        ) from None


@functools.lru_cache(maxsize=64)
def matched(
    name: str, texts: tuple[str, ...], names: tuple[str, ...], *, ending: bool = False
) -> tuple[frozenset[str], ...]:
    """The names that each of some expressions means.

    Parameters
    ----------
    name : str
        Of the argument, for messages.
    texts : tuple of str
        As `check_expression` takes them.
    names : tuple of str
        Of modules.
    ending : bool
        Whether the end of a name after a point may match too.

    Raises
    ------
    ValueError
        When they take more than 10 s of the processor or 1 GiB.
    OSError
        When no process can be started.
    """
    wholes = [_whole(text, ending=ending) for text in texts]
    far = [whole for text, whole in zip(texts, wholes, strict=True) if not _plain(text)]
    found = dict(zip(far, _apart(name, far, names), strict=True)) if far else {}
    return tuple(
        found[whole]
        if whole in found
        else frozenset(each for each in names if re.fullmatch(whole, each))
        for whole in wholes
    )


def _plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None


def _apart(name: str, texts: list[str], names: tuple[str, ...]) -> list[frozenset[str]]:
    try:
        with BoundedProcess(_WORKER) as process:
            flags = process.ask([texts, names], seconds=SECONDS)
    except Unanswered as reason:
        raise ValueError(
            f"{name}: {_shown(texts)} cannot be matched: {reason}"
        ) from None
    return [frozenset(itertools.compress(names, each)) for each in flags]


def _shown(texts: list[str]) -> str:
    return shortened(texts[0] if len(texts) == 1 else texts)
