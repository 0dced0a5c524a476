"""Means and variances of rows that are turned into float64 block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.drift.rows import float64_rows

__all__ = ["mean", "mean_and_spread"]

_ELEMENTS: Final = 2**21
"""Of a block at most, where a row has no more."""


def mean(
    rows: npt.NDArray[Any], mask: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.float64]:
    """The mean row, of all or of those of the mask."""
    total = np.zeros(rows.shape[1])
    for block in _blocks(rows, mask):
        total += block.sum(0)
    count = len(rows) if mask is None else mask.sum()
    found: npt.NDArray[np.float64] = total / count
    return found


def mean_and_spread(
    rows: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.float64], float]:
    """The mean row, and the sum of the columns' variances."""
    centre = mean(rows)
    squares = sum(float(((block - centre) ** 2).sum()) for block in _blocks(rows))
    return centre, squares / (len(rows) - 1)


def _blocks(
    rows: npt.NDArray[Any], mask: npt.NDArray[np.bool_] | None = None
) -> Iterator[npt.NDArray[np.float64]]:
    """The rows as float64, some at a time: Ctrl-C is heard in between."""
    count = max(1, _ELEMENTS // rows.shape[1])
    for start in range(0, len(rows), count):
        part = slice(start, start + count)
        block = rows[part] if mask is None else rows[part][mask[part]]
        yield float64_rows(block)
