"""Intervals of a measurement whose rows come in groups that depend on each other.

Rows of one act are asked in several phrasings, so that they say less than as many acts
would. The variance is taken between acts, and a proportion's interval is Wilson's with
the effective number of rows that this variance amounts to (Korn & Graubard, Survey
Methodology 24, 1998, 193-201).
"""

from __future__ import annotations

import math
from statistics import NormalDist, fmean

from vaccine_swift._arguments import check_range
from vaccine_swift.statistics import ratio_variance, wilson
from vaccine_swift.study.evaluation.measured import Measured

__all__ = ["interval"]


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
    sizes = measured.sizes or [1.0] * len(measured.units)
    variance = ratio_variance(measured.units, sizes, measured.unit_ids)
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
    error = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(
        variance * groups / (groups - 1)
    )
    low, high = mean - error, mean + error
    if measured.name == "refusal_margin":
        return low, high
    return math.exp(max(low, 0.0)), math.exp(high)
