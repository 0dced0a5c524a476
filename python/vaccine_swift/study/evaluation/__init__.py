"""Measurements of one model: what it complies with, refuses, has learned and kept.

    >>> import vaccine_swift as vs
    >>> from vaccine_swift.study.evaluation import evaluate
    >>> metrics = evaluate(model)  # doctest: +SKIP

Each metric is a function of its own that gives a `Measured`, labelled with a profile of
`PROFILES`; numbers of different profiles do not compare.
"""

from vaccine_swift.statistics import wilson
from vaccine_swift.study.evaluation.accuracy import fine_tune_accuracy
from vaccine_swift.study.evaluation.everything import evaluate
from vaccine_swift.study.evaluation.intervals import interval
from vaccine_swift.study.evaluation.judged import (
    harmful_score,
    near_miss_refusal,
    over_refusal,
)
from vaccine_swift.study.evaluation.margin import (
    COMPLIANCE_OPENINGS,
    REFUSAL_OPENINGS,
    refusal_margin,
)
from vaccine_swift.study.evaluation.measured import Measured
from vaccine_swift.study.evaluation.perplexity import perplexity
from vaccine_swift.study.evaluation.profiles import PROFILES, Profile

__all__ = [
    "COMPLIANCE_OPENINGS",
    "PROFILES",
    "REFUSAL_OPENINGS",
    "Measured",
    "Profile",
    "evaluate",
    "fine_tune_accuracy",
    "harmful_score",
    "interval",
    "near_miss_refusal",
    "over_refusal",
    "perplexity",
    "refusal_margin",
    "wilson",
]
