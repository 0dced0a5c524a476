"""Checks of numbers, in the Swift core's words."""

from __future__ import annotations

import math

import numpy as np
import torch

__all__ = ["check_float32", "check_held", "check_within"]


def check_float32(name: str, value: float, *, positive: bool = False) -> None:
    """Refuse what is not finite in float32, or with `positive` not above 0 there.

    Raises
    ------
    ValueError
        Names the number.
    """
    with np.errstate(over="ignore"):
        held = float(np.float32(value))
    if not math.isfinite(held) or (positive and held <= 0):
        above = " and above 0" * positive
        raise ValueError(f"{name} must be finite in float32{above}, got {value}")


def check_held(name: str, values: torch.Tensor, dtype: torch.dtype) -> None:
    """Refuse NaN, infinity, and numbers that round to infinity in a precision.

    Raises
    ------
    ValueError
        Names the tensor and the first such element.
    """
    wrong = ~torch.isfinite(values.to(dtype))
    if not wrong.any():
        return
    place = wrong.nonzero()[0].tolist()
    value = float(values[tuple(place)])
    beyond = ", beyond what the weight's precision holds" * math.isfinite(value)
    raise ValueError(f"{name}: the element at {place} is {value}{beyond}")


def check_within(name: str, value: int, largest: int) -> None:
    """Refuse a count that is not within 0 to `largest`.

    Raises
    ------
    ValueError
        Names the count.
    """
    if not 0 <= value <= largest:
        raise ValueError(f"{name} must be in [0, {largest}], got {value}")
