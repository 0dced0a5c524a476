"""Rows in an orthonormal basis of their span, where rows are fewer than columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._plurals import counted
from vaccine_swift.drift.watch import Told, Watch

__all__ = ["common_span", "own_span"]


def own_span(x: npt.NDArray[Any], name: str, watch: Watch) -> npt.NDArray[Any]:
    """Rows of one set, less their mean, in as many columns as rows.

    Inner products of centred rows stay as they are. Rows that are no fewer than
    columns stay themselves.

    Raises
    ------
    ValueError
        When an element is not finite; names the argument.
    MemoryError
        When there is no room for [n, n] numbers.
    """
    if len(x) >= x.shape[1]:
        return x
    try:
        return _coordinates(x, None, watch.stage(f"span of {name}"))
    except ValueError as error:
        raise ValueError(str(error).replace("x must", f"{name} must", 1)) from None


def common_span(
    x: npt.NDArray[Any], y: npt.NDArray[Any], watch: Watch
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Rows of two sets of one width in one basis, less the mean of x.

    Raises
    ------
    ValueError, MemoryError
        As `own_span`.
    """
    if len(x) + len(y) >= x.shape[1]:
        return x, y
    both = _coordinates(x, y, watch.stage("span"))
    return both[: len(x)], both[len(x) :]


def _coordinates(
    x: npt.NDArray[Any], y: npt.NDArray[Any] | None, told: Told
) -> npt.NDArray[np.float64]:
    count = len(x) + (0 if y is None else len(y))
    # As much again for each part of the columns that the core works on.
    needed, left = 6 * 8 * count**2, _core.available_memory()
    if needed > left:
        raise MemoryError(
            f"x and y must be smaller: {counted(count, 'row')} in a basis of their own "
            f"take about {needed / 2**30:.1f} GiB and {left / 2**30:.1f} GiB are free"
        )
    coordinates = np.empty((count, count))
    _core.drift_span(x, y, coordinates, told)
    return coordinates
