"""What an accumulator file must hold, checked before memory is taken for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift.drift.ids import keys_of

__all__ = ["check_content"]

_MOST: Final = 1 << 15
_BOUNDS: Final = {
    "width": (1, _MOST),
    "layers": (1, _MOST),
    "directions": (8, _MOST),
    "folds": (1, _MOST),
    "sketch": (0, _MOST),
    "seed": (0, 2**64 - 1),
    "rows": (0, 2**53),
}
_TIERS: Final = ("light", "sketch", "full")


def check_content(
    header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Compare the arrays' shapes and types with what the header says.

    Raises
    ------
    KeyError, TypeError, ValueError
        When something is missing, out of bounds, or of another shape or dtype.
    """
    settings, ids = header["settings"], header["ids"]
    for name, (low, high) in _BOUNDS.items():
        value = settings[name]
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"{name} must be in [{low}, {high}], got {value!r}")
    if settings["tier"] not in _TIERS:
        raise ValueError(f"tier must be one of {_TIERS}, got {settings['tier']!r}")
    if not isinstance(header["metadata"], dict):
        raise ValueError("metadata must be an object")
    if not isinstance(ids, list) or not all(type(each) in (int, str) for each in ids):
        raise ValueError("ids must be a list of strings and integers")
    for name, (shape, dtype) in _expected(settings, len(ids)).items():
        _check(name, arrays[name], shape, dtype)
    if not np.array_equal(arrays["keys"], keys_of(ids)):
        raise ValueError("keys must be those of the ids")
    for name, array in arrays.items():
        if name.startswith("group:"):
            _check(name, array, (len(ids),), "bool")
        elif name.startswith("energy:"):
            _check(name, array, (*array.shape[:1], settings["width"]), "float64")


def _expected(
    settings: Mapping[str, Any], prompts: int
) -> dict[str, tuple[tuple[int, ...], str]]:
    width, layers, folds = (settings[name] for name in ("width", "layers", "folds"))
    kept = {"light": 0, "sketch": min(settings["sketch"], width), "full": width}
    vector, _, sums = _core.drift_state_counts(width)
    moments = kept[settings["tier"]]
    paired = _core.drift_state_counts(moments)[1] if moments else 0
    return {
        "keys": ((prompts,), "uint64"),
        "table": ((prompts, layers, sums), "float64"),
        "sketches": ((prompts, layers, 2, settings["directions"]), "float32"),
        "booster": ((layers,), "float64"),
        "vector": ((layers, folds, vector), "float64"),
        "paired": ((layers, folds, paired), "float64"),
    }


def _check(
    name: str, array: npt.NDArray[Any], shape: tuple[int, ...], dtype: str
) -> None:
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(
            f"{name} must be {dtype} of shape {shape}, got {array.dtype} of shape "
            f"{array.shape}"
        )
