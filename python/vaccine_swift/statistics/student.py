"""Student's t: its quantiles and tails, and degrees of freedom."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["student_quantile", "student_share", "welch_freedom"]


def student_quantile(share: float, freedom: int) -> float:
    """The t with P(|T| ≤ t) = `share`, for a whole number of degrees of freedom.

    By bisection of the finite series of Abramowitz & Stegun 26.7.3 and 26.7.4.

    Examples
    --------
    >>> round(student_quantile(0.95, 9), 6)
    2.262157
    """
    low, high = 0.0, 1.0
    while student_share(high, freedom) < share:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if student_share(middle, freedom) < share else (low, middle)
        )
    return (low + high) / 2


def student_share(t: float, freedom: int) -> float:
    """P(|T| ≤ t) for a whole number of degrees of freedom.

    Examples
    --------
    >>> round(student_share(2.262157, 9), 6)
    0.95
    """
    angle = math.atan(t / math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    if freedom % 2 == 0:
        term, total = 1.0, 1.0
        for k in range(1, freedom // 2):
            term *= (2 * k - 1) / (2 * k) * cosine**2
            total += term
        return sine * total
    if freedom == 1:
        return 2 * angle / math.pi
    term, total = cosine, cosine
    for k in range(1, (freedom - 1) // 2):
        term *= 2 * k / (2 * k + 1) * cosine**2
        total += term
    return 2 / math.pi * (angle + sine * total)


def welch_freedom(sources: Sequence[tuple[float, int]]) -> int:
    """Degrees of freedom of a sum of variances, rounded down.

    Parameters
    ----------
    sources : sequence of (float, int)
        Each variance with its own degrees of freedom; at least one. Where all variances
        are 0, the largest freedom counts.

    References
    ----------
    Welch, Biometrika 34, 1947, 28-35; Satterthwaite, Biometrics Bulletin 2, 1946,
    110-114.

    Examples
    --------
    >>> welch_freedom([(1.0, 4), (1.0, 9)])
    11
    """
    total = sum(variance for variance, _ in sources)
    if total == 0:
        return max(freedom for _, freedom in sources)
    return int(total**2 / sum(variance**2 / freedom for variance, freedom in sources))
