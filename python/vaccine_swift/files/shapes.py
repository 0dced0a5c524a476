"""What a value out of JSON must look like, said once and checked before it is used.

A shape is a type or a tuple of types; ``[shape]`` for a list of any length;
``{name: shape}`` for an object that may lack some of these names and have others, a
`Whole` of them for one that lacks none; ``{"*": shape}`` for one whose values are all
alike. `OPTIONAL` in a tuple admits null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from types import NoneType
from typing import Any, Final, TypeAlias

__all__ = ["INTEGER", "NUMBER", "OPTIONAL", "TEXT", "Shape", "Whole"]
__all__ += ["check_shape", "fits"]

Shape: TypeAlias = Any

INTEGER: Final = Integral
"""Of at most 64 bits."""
NUMBER: Final = Real
"""Whole or not, finite."""
TEXT: Final = str
OPTIONAL: Final = NoneType

_INTEGERS: Final = 2**64
_NAMES: Final = {
    Integral: "a whole number",
    Real: "a finite number",
    str: "text",
    bool: "true or false",
    NoneType: "null",
    list: "a list",
    dict: "an object",
}


class Whole(dict[str, Shape]):
    """An object that has each of these names, and perhaps those of `may`."""

    def __init__(
        self, may: Mapping[str, Shape] | None = None, /, **must: Shape
    ) -> None:
        super().__init__({**must, **(may or {})})
        self.must: Final = must.keys()


def check_shape(value: object, shape: Shape, where: str) -> None:
    """Refuse a value that has not the shape.

    Parameters
    ----------
    value : object
        Whatever a file or a caller gave.
    shape : type, tuple, list or dict
        As the module describes.
    where : str
        The value's place, for the message.

    Raises
    ------
    ValueError
        Names the first place that differs.

    Examples
    --------
    >>> check_shape({"units": [1, "x"]}, {"units": [NUMBER]}, "row 3")
    Traceback (most recent call last):
    ValueError: row 3: units[1] must be a finite number, got 'x'
    """
    wrong = _fault(value, shape, "")
    if wrong is not None:
        place, expected, found = wrong
        named = f"{place.removeprefix('.')} " if place else ""
        raise ValueError(f"{where}: {named}must {expected}, got {found!r:.60}")


def fits(value: object, shape: Shape) -> bool:
    """Whether a value has the shape."""
    return _fault(value, shape, "") is None


def _fault(value: Any, shape: Shape, place: str) -> tuple[str, str, object] | None:
    """Where it differs, what should be there, and what is."""
    if isinstance(shape, tuple):
        faults = [_fault(value, each, place) for each in shape]
        if any(fault is None for fault in faults):
            return None
        deepest = max(filter(None, faults), key=lambda fault: len(fault[0]))
        if len(deepest[0]) > len(place):
            return deepest
        return place, "be " + " or ".join(map(_named, shape)), value
    if isinstance(shape, list):
        if isinstance(value, str) or not isinstance(value, Sequence):
            return place, f"be {_named(shape)}", value
        items = ((f"{place}[{index}]", each) for index, each in enumerate(value))
        return _first((_fault(each, shape[0], at) for at, each in items))
    if isinstance(shape, dict):
        if not isinstance(value, Mapping):
            return place, f"be {_named(shape)}", value
        missing = shape.must - value.keys() if isinstance(shape, Whole) else ()
        if "*" in shape:
            shape = dict.fromkeys(value, shape["*"])
        fault = _first(
            _fault(value[name], inner, f"{place}.{name}")
            for name, inner in shape.items()
            if name in value
        )
        lacks = (place, f"have {min(missing)!r}", value) if missing else None
        return fault or lacks
    fits = isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
    if fits and shape is Integral and abs(value) >= _INTEGERS:
        return place, "be a whole number of at most 64 bits", value
    if fits and shape is Real:
        fits = _is_finite(value)
    return None if fits else (place, f"be {_named(shape)}", value)


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _first(faults: Any) -> Any:
    return next((fault for fault in faults if fault is not None), None)


def _named(shape: Shape) -> str:
    if isinstance(shape, list | dict):
        return _NAMES[list if isinstance(shape, list) else dict]
    return _NAMES[shape]
