"""Ranks and alphas of a LoRA adapter that modules have by their names."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any, Final

from vaccine_swift._arguments import check_range
from vaccine_swift.lora_expressions import check_expression, matched

__all__ = ["MAX_RANK", "by_pattern", "normal_pattern", "plain_number"]

MAX_RANK: Final = 2**31 - 1


def normal_pattern(name: str, pattern: Any) -> dict[str, Any]:
    """A rank_pattern or alpha_pattern with plain numbers; nothing for None.

    Raises
    ------
    TypeError, ValueError
        When it is no mapping of regular expressions to numbers in their range.
    """
    if pattern is None:
        return {}
    if not isinstance(pattern, Mapping):
        raise TypeError(f"{name} must be a mapping, got {pattern!r}")
    whole = name == "rank_pattern"
    for key, value in pattern.items():
        if not isinstance(key, str):
            raise TypeError(f"{name} must have strings as keys, got {key!r}")
        check_expression(name, key, ending=True)
        if whole:
            check_range(
                f"{name}[{key!r}]", value, minimum=1, maximum=MAX_RANK, integer=True
            )
        else:
            check_range(f"{name}[{key!r}]", value, above=0)
    return {key: plain_number(value) for key, value in pattern.items()}


def by_pattern(
    argument: str, pattern: Mapping[str, float], names: tuple[str, ...]
) -> dict[str, float]:
    """Of the names that a key means, the value of the first such.

    Raises
    ------
    ValueError
        When an expression takes too long, or too much memory; names the argument.
    """
    found: dict[str, float] = {}
    meant_by = matched(argument, tuple(pattern), names, ending=True)
    for value, own in zip(pattern.values(), meant_by, strict=True):
        for name in own:
            found.setdefault(name, value)
    return found


def plain_number(value: float) -> float:
    """An int or a float, of any type of number."""
    return int(value) if isinstance(value, numbers.Integral) else float(value)
