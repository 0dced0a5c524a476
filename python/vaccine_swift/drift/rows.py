"""Arrays of embeddings as the core takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift._plurals import counted
from vaccine_swift.drift.vectors import plain_array

__all__ = [
    "NOT_PAIRS",
    "called_x_and_y",
    "float64_rows",
    "layer_rows",
    "rows",
    "two_sets",
]

NOT_PAIRS = "rows of different prompts are compared by two_sample"
"""Ends the message that paired sides differ in length."""

_TAKEN = (np.float32, np.float64, np.float16)


def rows(value: Any, name: str) -> npt.NDArray[Any]:
    """A 2-D array [N, d] of a dtype that the core reads.

    float16, float32 and float64 stay as they are; bfloat16 (of ml_dtypes) is seen as
    its bits in uint16; integers and booleans become float64. A copy is made only of
    what is not contiguous, not aligned or in another byte order.

    Raises
    ------
    TypeError
        When the elements are not real numbers.
    ValueError
        When it has not two dimensions, or is empty.
    """
    array = _plain(value, name)
    if array.ndim != 2:
        layers = f": give one layer of it, as {name}[0]" if array.ndim == 3 else ""
        raise ValueError(
            f"{name} must be [N, d], got shape {list(array.shape)}{layers}"
        )
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {list(array.shape)}")
    return array


def two_sets(
    x: npt.ArrayLike, y: npt.ArrayLike, *, fewest: int = 1
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """What `rows` gives of x and y, of one width, each with so many rows at least.

    Raises
    ------
    TypeError, ValueError
        As `rows`; also when widths differ, or a side has fewer rows.
    """
    first, second = rows(x, "x"), rows(y, "y")
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"y must have the {counted(first.shape[1], 'column')} of x, got "
            f"{second.shape[1]}"
        )
    for name, values in (("x", first), ("y", second)):
        if len(values) < fewest:
            raise ValueError(
                f"{name} must have at least {counted(fewest, 'row')}, got {len(values)}"
            )
    return first, second


@contextmanager
def called_x_and_y() -> Iterator[None]:
    """Errors of the core speak of x and y where it knows reference and current."""
    try:
        yield
    except ValueError as error:
        text = str(error).replace("reference must", "x must")
        raise ValueError(text.replace("current must", "y must")) from None


def layer_rows(
    value: Any, name: str, *, layers: int, width: int
) -> list[npt.NDArray[Any]]:
    """The layers of [L, N, d], or of [N, d] for one layer, each [N, d].

    Raises
    ------
    TypeError, ValueError
        As `rows`; also when layers or width differ from what is expected.
    """
    array = _plain(value, name)
    if array.ndim == 2 and layers == 1:
        array = array[np.newaxis]
    if array.ndim != 3 or array.shape[0] != layers or array.shape[2] != width:
        expected = f"[{layers}, N, {width}]" + f" or [N, {width}]" * (layers == 1)
        raise ValueError(f"{name} must be {expected}, got shape {list(array.shape)}")
    if array.shape[1] == 0:
        raise ValueError(f"{name} must have at least one row, got none")
    return list(array)


def float64_rows(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """What `rows` gave as float64, the bits of bfloat16 included."""
    if values.dtype == np.uint16:
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float64)


def _plain(value: Any, name: str) -> npt.NDArray[Any]:
    array = plain_array(value, name)
    if array.dtype.name == "bfloat16":
        array = np.ascontiguousarray(array).view(np.uint16)
    elif array.dtype.kind in "iub":
        array = array.astype(np.float64)
    elif array.dtype.kind != "f" or array.dtype.newbyteorder("=").type not in _TAKEN:
        raise TypeError(
            f"{name} must be an array of real numbers (float16, bfloat16, float32, "
            f"float64), got dtype {array.dtype}"
        )
    return np.require(array, array.dtype.newbyteorder("="), ["C", "A"])
