"""Intervals of a proportion."""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = ["clopper_pearson_limit", "wilson"]


def wilson(
    proportion: float, count: float, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Wilson's score interval of a proportion.

    Parameters
    ----------
    proportion : float
        Observed, in [0, 1].
    count : float
        Of what, above 0; need not be whole.
    confidence : float
        In (0, 1).

    References
    ----------
    .. [1] Wilson, J. Am. Stat. Assoc. 22, 1927, 209-212.

    Examples
    --------
    >>> [round(end, 4) for end in wilson(0.0, 20)]
    [0.0, 0.1611]
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = proportion + z * z / (2 * count)
    reach = z * math.sqrt(
        proportion * (1 - proportion) / count + (z / (2 * count)) ** 2
    )
    scale = 1 + z * z / count
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)


def clopper_pearson_limit(count: int, *, confidence: float = 0.95) -> float:
    """The upper end of the exact interval of a proportion of which none was seen.

    The lower end is 0; where all were seen, 1 less this is the lower end.

    Parameters
    ----------
    count : int
        Of what, at least 1.
    confidence : float
        In (0, 1).

    References
    ----------
    .. [1] Clopper, Pearson, Biometrika 26, 1934, 404-413.

    Examples
    --------
    >>> round(clopper_pearson_limit(20), 4)
    0.1684
    """
    return float(1 - ((1 - confidence) / 2) ** (1 / count))
