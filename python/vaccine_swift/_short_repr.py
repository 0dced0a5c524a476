"""Reprs that tell how much an object holds, not all of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

__all__ = ["short_repr"]

_MOST: Final = 8
"""Elements that are shown."""


def short_repr(instance: Any) -> str:
    """A dataclass as it is made, arrays and long sequences by kind and shape.

    A dataclass takes it as its ``__repr__``.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Measurement:
    ...     name: str
    ...     values: np.ndarray
    ...     units: list[str]
    ...     __repr__ = short_repr
    >>> Measurement("norms", np.zeros((30, 576), np.float32), ["a"] * 200)
    Measurement(name='norms', values=float32 [30, 576], units=list [200])
    """
    told = (
        f"{field.name}={_short(getattr(instance, field.name))}"
        for field in dataclasses.fields(instance)
        if field.repr
    )
    return f"{type(instance).__qualname__}({', '.join(told)})"


def _short(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}"
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str | bytes):
        held = value.values() if isinstance(value, Mapping) else value
        if len(value) > _MOST or not all(map(_is_plain, held)):
            return f"{type(value).__name__} [{len(value)}]"
    return repr(value)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | bool | int | float)
