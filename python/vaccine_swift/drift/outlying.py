"""Rows of the current set that lie farthest from the reference."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.drift.rows import float64_rows
from vaccine_swift.drift.watch import Watch

__all__ = ["outlying_rows"]

_REFERENCE: Final = 1000
_BLOCK: Final = 2000
_LISTED: Final = 10


def outlying_rows(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    segments: npt.NDArray[np.str_] | None,
    ids: npt.NDArray[np.str_] | None,
    seed: int,
    watch: Watch,
) -> dict[str, Any] | None:
    """The ten rows of y with the largest distance to their nearest row of x.

    In units of the median of that distance among the rows of x, of which at most 1000,
    drawn by `seed`, are looked at. None where these do not differ.
    """
    count = min(_REFERENCE, len(x))
    chosen = np.random.default_rng(seed).choice(len(x), count, replace=False)
    reference = float64_rows(x[chosen])
    center = reference.mean(0)
    reference -= center
    unit = float(np.median(_nearest(reference, reference, itself=True)))
    if count < 2 or not unit > 0:
        return None
    starts = range(0, len(y), _BLOCK)
    distances = np.concatenate(
        [
            _nearest(float64_rows(y[start : start + _BLOCK]) - center, reference)
            for start in watch.over("farthest rows", starts)
        ]
    )
    order = np.argsort(-distances, kind="stable")[:_LISTED]
    return {
        "compared": count,
        "rows": [
            {
                "row": int(row),
                "id": None if ids is None else str(ids[row]),
                "segment": None if segments is None else str(segments[row]),
                "distance": float(distances[row] / unit),
            }
            for row in order
        ],
    }


def _nearest(
    rows: npt.NDArray[np.float64],
    others: npt.NDArray[np.float64],
    *,
    itself: bool = False,
) -> npt.NDArray[np.float64]:
    """Distance of each row to the nearest of others, which may hold the row itself."""
    squares = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T
    if itself:
        np.fill_diagonal(squares, np.inf)
    return np.sqrt(squares.min(1).clip(0))
