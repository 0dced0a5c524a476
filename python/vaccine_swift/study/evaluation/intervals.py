"""Intervals of a measurement whose rows come in groups that depend on each other.

Rows of one act are asked in several phrasings, so that they say less than as many acts
would. The variance is taken between acts (the ratio estimator's, Cochran, Sampling
Techniques, 3rd ed., section 3.12), and a proportion's interval is Wilson's with the
effective number of rows that this variance amounts to (Korn & Graubard, Survey
Methodology 24, 1998, 193-201).
"""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import NormalDist, fmean

from vaccine_swift._arguments import check_range
from vaccine_swift.study.evaluation.measured import Measured

__all__ = ["interval", "wilson"]


def interval(measured: Measured, *, confidence: float = 0.95) -> tuple[float, float]:
    """Where a value would lie with other rows of the same kind.

    It knows nothing of other seeds of training.

    Parameters
    ----------
    measured : Measured
        Of any metric.
    confidence : float
        In (0, 1).

    Returns
    -------
    low, high : float
        In the unit of the value. Wilson's interval for scores; mean ± z standard errors
        for the refusal margin, and for perplexity the exponentials of that of the nats
        per token, at least 1; NaN where all rows are of one act.
    """
    check_range("confidence", confidence, above=0, below=1)
    mean, groups = fmean(measured.units), len(set(measured.unit_ids))
    variance = _variance(measured)
    if measured.name not in ("refusal_margin", "perplexity"):
        effective = float(groups)
        if 0 < mean < 1:
            count = len(measured.units)
            design = variance * count / (mean * (1 - mean))
            effective = count / max(1.0, design)
        low, high = wilson(mean, effective, confidence=confidence)
        return 100 * low, 100 * high
    if groups == 1:
        return math.nan, math.nan
    error = _z(confidence) * math.sqrt(variance * groups / (groups - 1))
    low, high = mean - error, mean + error
    if measured.name == "refusal_margin":
        return low, high
    return math.exp(max(low, 0.0)), math.exp(high)


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
    z = _z(confidence)
    centre = proportion + z * z / (2 * count)
    reach = z * math.sqrt(
        proportion * (1 - proportion) / count + (z / (2 * count)) ** 2
    )
    scale = 1 + z * z / count
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _variance(measured: Measured) -> float:
    """Of the ratio of units to sizes, between groups.

    Where each row is a group of size 1, p(1 − p)/n.
    """
    count = len(measured.units)
    ratio = fmean(measured.units)
    deviations: dict[str, float] = defaultdict(float)
    for unit, size, name in zip(
        measured.units, measured.sizes or [1.0] * count, measured.unit_ids, strict=True
    ):
        deviations[name] += unit - ratio * size
    squares = math.fsum(deviation**2 for deviation in deviations.values())
    return squares / count**2
