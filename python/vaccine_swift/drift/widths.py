"""Rows of two widths in one space."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift.drift.rows import float64_rows

__all__ = ["readable", "same_width"]


def readable(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What `rows` gave as an array that it may be given again: bits of bfloat16 not."""
    if array.dtype == np.uint16:
        return float64_rows(array).astype(np.float32)
    return array


def same_width(
    x: npt.NDArray[Any], y: npt.NDArray[Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Both sides in the larger of their widths, the narrower one with columns of 0.

    That changes no inner product and no distance within a side, so it changes nothing
    that is free of each side's basis.
    """
    width = max(x.shape[1], y.shape[1])
    first, second = (_padded(side, width) for side in (x, y))
    return first, second


def _padded(side: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    if side.shape[1] == width:
        return side
    wide = np.zeros((len(side), width), side.dtype)
    wide[:, : side.shape[1]] = side
    return wide
