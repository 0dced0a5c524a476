"""Evidence that may be looked at after every step: e-values of ranks, and their course.

Under the hypothesis the rank of step t is uniform on 1 … N_t, given the others. The
e-value k^-κ / mean(k^-κ) has expectation 1 then. The evidence after t steps is the mean
over κ and over the step s at which betting starts, with weight 1 / (s (s + 1)), of the
product of the e-values from s to t; where betting has not begun, 1. This is a
nonnegative martingale that starts at 1, so it ever reaches 1 / α with probability at
most α (Ville 1939), and stays so where ties make ranks larger than uniform.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["rank_evidence", "rank_log_evidence"]

_EXPONENTS: Final = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0])


def rank_evidence(rank: int, count: int) -> npt.NDArray[np.float64]:
    """The e-values of one rank, one for each exponent.

    Parameters
    ----------
    rank : int
        1, the most extreme, to `count`.
    count : int
        Ranks that there are: one more than permutations.

    Returns
    -------
    array, float64 [7]
        Each has the mean 1 over all ranks.

    References
    ----------
    Vovk, Wang, Ann. Statist. 49, 2021, 1736-1754 (calibrators).

    Examples
    --------
    >>> values = [rank_evidence(k, 20) for k in range(1, 21)]
    >>> np.mean(values, axis=0).round(12).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    powers: npt.NDArray[np.float64] = rank**-_EXPONENTS / _mean_powers(count)
    return powers


def rank_log_evidence(ranks: Iterable[tuple[int, int]]) -> list[float]:
    """The natural logarithm of the evidence after each step.

    Parameters
    ----------
    ranks : iterable of (int, int)
        Rank and number of ranks of each step, as of `rank_evidence`.

    References
    ----------
    Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2nd ed., ch. 8;
    Ramdas, Grünwald, Vovk, Shafer, Statist. Sci. 38, 2023, 576-601.

    Examples
    --------
    >>> [round(math.exp(each), 2) for each in rank_log_evidence([(1, 1000), (1, 1000)])]
    [86.79, 38943.14]
    """
    started = np.full(len(_EXPONENTS), -math.inf)
    course = []
    for step, (rank, count) in enumerate(ranks, start=1):
        started = np.logaddexp(started, -math.log(step * (step + 1)))
        started += np.log(rank_evidence(rank, count))
        betting = np.logaddexp.reduce(started) - math.log(len(_EXPONENTS))
        course.append(float(np.logaddexp(betting, -math.log(step + 1))))
    return course


@functools.lru_cache(maxsize=64)
def _mean_powers(count: int) -> npt.NDArray[np.float64]:
    ranks = np.arange(1, count + 1, dtype=np.float64)
    return np.array([np.mean(ranks**-power) for power in _EXPONENTS])
