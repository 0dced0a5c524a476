"""A learning-rate schedule of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vaccine_swift._arguments import check_range

__all__ = ["factor_of", "first_factors"]

_FIRST: Final = 100


def factor_of(schedule: Callable[[int], float], step: int) -> float:
    """What a schedule says for a step, from 0.

    Raises
    ------
    TypeError, ValueError
        When it is no finite number of at least 0; names the step.
    """
    factor = schedule(step)
    check_range(f"lr_lambda({step})", factor, minimum=0.0)
    return float(factor)


def first_factors(schedule: Callable[[int], float], steps: int) -> list[float]:
    """The factors of the first of `steps`, which tell one schedule from another."""
    return [factor_of(schedule, step) for step in range(min(steps, _FIRST))]
