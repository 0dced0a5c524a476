"""Whether two samples have unequal shares of a mark: Fisher's exact test."""

from __future__ import annotations

import numpy as np

__all__ = ["fisher_p_value"]

_TIE = 1e-7
"""Probabilities that differ by less than this share count as equal."""


def fisher_p_value(marked: tuple[int, int], sizes: tuple[int, int]) -> float:
    """The two-sided p-value of two counts, given their sum.

    Parameters
    ----------
    marked : (int, int)
        How many of each sample bear the mark.
    sizes : (int, int)
        Of the samples, at least the counts.

    Returns
    -------
    float
        The chance of counts no likelier than these, if all rows are as likely to bear
        the mark.

    References
    ----------
    Fisher, Statistical Methods for Research Workers, 5th ed., 1934, section 21.02.

    Examples
    --------
    >>> round(fisher_p_value((8, 1), (10, 6)), 4)
    0.035
    """
    total, (first, second) = sum(marked), sizes
    low, high = max(0, total - second), min(total, first)
    if low == high:
        return 1.0
    below = np.arange(low, high, dtype=np.float64)
    steps = np.log((total - below) * (first - below))
    steps -= np.log((below + 1) * (second - total + below + 1))
    logarithms = np.concatenate([[0.0], np.cumsum(steps)])
    chances = np.exp(logarithms - logarithms.max())
    observed = chances[marked[0] - low] * (1 + _TIE)
    return float(min(1.0, chances[chances <= observed].sum() / chances.sum()))
