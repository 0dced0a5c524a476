"""What a step's learning rate is multiplied by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from vaccine_swift import _core
from vaccine_swift._arguments import check_range

__all__ = ["Schedule", "first_factors", "schedule_factor"]

Schedule: TypeAlias = Literal["linear", "cosine", "constant", "constant_with_warmup"]
"""The core's, by name."""

_FIRST: Final = 100


def schedule_factor(
    schedule: Schedule | Callable[[int], float], step: int, warmup: int, steps: int
) -> float:
    """What a schedule says for a step.

    Parameters
    ----------
    schedule : str or callable
        One of the core's by name, or one of a caller's own, which takes the step.
    step : int
        From 0.
    warmup, steps : int
        Steps of warm-up and of the whole run, for the core's.

    Raises
    ------
    TypeError, ValueError
        When a caller's gives no finite number of at least 0; names the step.
    """
    if isinstance(schedule, str):
        return _core.schedule_factor(schedule, step, warmup, steps)
    return _own_factor(schedule, step)


def _own_factor(schedule: Callable[[int], float], step: int) -> float:
    factor = schedule(step)
    check_range(f"lr_lambda({step})", factor, minimum=0.0)
    return float(factor)


def first_factors(schedule: Callable[[int], float], steps: int) -> list[float]:
    """The first factors of a caller's schedule, which tell it from another."""
    return [_own_factor(schedule, step) for step in range(min(steps, _FIRST))]
