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
from collections.abc import Sequence
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
        for the refusal margin, and their exponentials for perplexity; NaN where all
        rows are of one act.
    """
    check_range("confidence", confidence, above=0, below=1)
    mean, groups = fmean(measured.units), len(set(measured.unit_ids))
    variance = _variance(measured.units, measured.unit_ids)
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
    ends = mean - error, mean + error
    return (
        ends
        if measured.name == "refusal_margin"
        else (
            math.exp(ends[0]),
            math.exp(ends[1]),
        )
    )


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


def _variance(units: Sequence[float], ids: Sequence[str]) -> float:
    """Of the mean of units, between groups; p(1 − p)/n where each unit is a group."""
    mean = fmean(units)
    deviations: dict[str, float] = defaultdict(float)
    for unit, name in zip(units, ids, strict=True):
        deviations[name] += unit - mean
    squares = math.fsum(deviation**2 for deviation in deviations.values())
    return squares / len(units) ** 2
