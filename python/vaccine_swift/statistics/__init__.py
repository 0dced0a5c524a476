"""Statistics that studies and drift reports share; one idea for each file.

Intervals and p-values from a handful of units: Student's t and the degrees of freedom
of a sum of variances, intervals of proportions and of ratios, draws of a bootstrap,
corrections for many tests, evidence over time, ranks. Sign flips and permutations of
whole arrays are the core's.
"""

from vaccine_swift.statistics.bootstrap import unit_weights
from vaccine_swift.statistics.corrections import benjamini_hochberg, holm
from vaccine_swift.statistics.evidence import rank_evidence, rank_log_evidence
from vaccine_swift.statistics.hypergeometric import fisher_p_value
from vaccine_swift.statistics.proportions import clopper_pearson_limit, wilson
from vaccine_swift.statistics.ranks import rank_correlation
from vaccine_swift.statistics.ratios import ratio_variance
from vaccine_swift.statistics.student import (
    student_quantile,
    student_share,
    welch_freedom,
)

__all__ = [
    "benjamini_hochberg",
    "clopper_pearson_limit",
    "fisher_p_value",
    "holm",
    "rank_correlation",
    "rank_evidence",
    "rank_log_evidence",
    "ratio_variance",
    "student_quantile",
    "student_share",
    "unit_weights",
    "welch_freedom",
    "wilson",
]
