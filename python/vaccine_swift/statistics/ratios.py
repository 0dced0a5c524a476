"""The variance of a ratio of two sums over units that come in groups."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

__all__ = ["ratio_variance"]


def ratio_variance(
    units: Sequence[float], sizes: Sequence[float], groups: Sequence[str]
) -> float:
    """Variance of Σ units / Σ sizes between groups, to first order.

    Where all sizes are 1 and each unit is a group, that of the mean without Bessel's
    correction; of zeros and ones, p(1 - p)/n.

    Parameters
    ----------
    units, sizes, groups : sequence, n each
        Numerator, denominator and group of each unit. Sizes are positive.

    References
    ----------
    Cochran, Sampling Techniques, 3rd ed., section 3.12.

    Examples
    --------
    >>> ratio_variance([1, 0, 1, 0], [1, 1, 1, 1], ["a", "a", "b", "b"])
    0.0
    """
    total = math.fsum(sizes)
    ratio = math.fsum(units) / total
    deviations: dict[str, float] = defaultdict(float)
    for unit, size, group in zip(units, sizes, groups, strict=True):
        deviations[group] += unit - ratio * size
    return math.fsum(each**2 for each in deviations.values()) / total**2
