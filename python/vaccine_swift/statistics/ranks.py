"""Spearman's rank correlation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["rank_correlation"]


def rank_correlation(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's correlation, with mean ranks for ties; NaN where a side is constant.

    Examples
    --------
    >>> round(rank_correlation([1, 2, 3], [10, 1000, 100]), 6)
    0.5
    """
    ranks = [_mean_ranks(np.asarray(side)) for side in (x, y)]
    if any(np.ptp(each) == 0 for each in ranks):
        return float("nan")
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _mean_ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: npt.NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return ranks[inverse]
