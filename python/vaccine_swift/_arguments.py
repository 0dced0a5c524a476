"""Checks of arguments that all modules share."""

from __future__ import annotations

import difflib
import math
import numbers
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "bounds_text",
    "check_range",
    "check_type",
    "check_word",
    "checked_path",
    "float32_array",
    "is_within",
    "nearest",
    "shortened",
]

_SMALLEST: Final = float(np.finfo(np.float32).smallest_subnormal)
_BOUNDS: Final = {
    "minimum": "at least",
    "above": "above",
    "maximum": "at most",
    "below": "below",
}
_LARGEST: Final = float(np.finfo(np.float32).max)


def check_range(
    name: str,
    value: object,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    integer: bool = False,
    float32: bool = False,
) -> None:
    """Refuse what is not a finite number within the bounds.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        What came.
    minimum, maximum : float, optional
        Bounds that belong to the range.
    above, below : float, optional
        Bounds that do not.
    integer : bool
        Ask for an int.
    float32 : bool
        Ask for a number that the core can compute with: finite as float32, and not
        rounded to 0 there.

    Raises
    ------
    TypeError
        When `value` is not a real number (bool is none), or no int where one is asked.
    ValueError
        When `value` is not finite or outside of the bounds, or float32 cannot hold it.
    """
    kind = numbers.Integral if integer else numbers.Real
    if isinstance(value, bool) or not isinstance(value, kind):
        noun = "an int" if integer else "a number"
        raise TypeError(f"{name} must be {noun}, got {shortened(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    exact = int(value) if isinstance(value, numbers.Integral) else number
    if (
        math.isfinite(number)
        and (minimum is None or exact >= minimum)
        and (maximum is None or exact <= maximum)
        and (above is None or exact > above)
        and (below is None or exact < below)
    ):
        if float32 and number and not _SMALLEST <= abs(number) <= _LARGEST:
            raise ValueError(
                f"{name} must be 0 or between {_SMALLEST:.2g} and {_LARGEST:.2g} in "
                f"size, which is what float32 holds, got {value!r}"
            )
        return
    bounds = {"minimum": minimum, "above": above, "maximum": maximum, "below": below}
    expected = bounds_text(bounds) or "finite"
    raise ValueError(f"{name} must be {expected}, got {shortened(value)}")


def bounds_text(bounds: Mapping[str, float | None], style: str = "") -> str:
    """Bounds of a number in words, numbers formatted in a style.

    >>> bounds_text({"minimum": 0, "below": 1e6}, ",")
    'at least 0 and below 1,000,000.0'
    """
    return " and ".join(
        f"{_BOUNDS[name]} {bound:{style}}"
        for name, bound in bounds.items()
        if bound is not None
    )


def check_word(
    name: str, value: object, words: Iterable[str], *, quoted: bool = False
) -> None:
    """Refuse what is not one of some words, and suggest the nearest.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        What came.
    words : iterable of str
        What is accepted, in the order of the message.
    quoted : bool
        Whether the message lists them in quotes.

    Raises
    ------
    ValueError
        When `value` is none of them.

    Examples
    --------
    >>> check_word("pool", "men", ["last", "mean"])
    Traceback (most recent call last):
        ...
    ValueError: pool must be one of last, mean, got 'men'. Did you mean 'mean'?
    """
    words = list(words)
    if isinstance(value, str) and value in words:
        return
    expected = ", ".join(map(repr, words) if quoted else words)
    raise ValueError(
        f"{name} must be one of {expected}, got {shortened(value)}."
        f"{nearest(str(value), words)}"
    )


def check_type(name: str, value: object, kind: type) -> None:
    """Refuse what is no instance of a class.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        What came.
    kind : type
        The class.

    Raises
    ------
    TypeError
        When `value` is none.

    Examples
    --------
    >>> check_type("rows", 3, list)
    Traceback (most recent call last):
        ...
    TypeError: rows must be a list, got int
    """
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        got = type(value).__name__
        raise TypeError(f"{name} must be {article} {kind.__name__}, got {got}")


def checked_path(name: str, value: object) -> Path:
    """The path that an argument names.

    Raises
    ------
    TypeError
        When `value` is neither a str nor a path of str.
    """
    if isinstance(value, str | os.PathLike) and isinstance(os.fspath(value), str):
        return Path(value)
    raise TypeError(f"{name} must be a path, got {shortened(value)}")


def shortened(value: object) -> str:
    """A value as it is written in Python, cut to 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def float32_array(name: str, value: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Real numbers as a C-contiguous float32 array of their shape.

    Raises
    ------
    TypeError
        When `value` does not hold real numbers.
    ValueError
        When a number is not finite, or beyond what float32 holds.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got {array.dtype}")
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(array, np.float32).reshape(array.shape)
    held = np.isfinite(result)
    if not held.all():
        first = array[~held].flat[0]
        raise ValueError(
            f"{name} must hold finite numbers up to {_LARGEST:.2g}, which is what "
            f"float32 holds, got {first}"
        )
    return result


def is_within(name: str, value: object, faults: list[str], **bounds: Any) -> bool:
    """Whether `check_range` accepts; what it says otherwise is added to `faults`."""
    try:
        check_range(name, value, **bounds)
    except (TypeError, ValueError) as error:
        faults.append(str(error))
        return False
    return True


def nearest(name: str, known: Iterable[str]) -> str:
    """The suggestion that ends an error: nearest known name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
