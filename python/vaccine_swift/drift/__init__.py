"""Embedding drift: how far, where and how surely a model's states have moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaccine_swift._lazy import lazy_names
from vaccine_swift.drift.accumulator import Accumulator, load
from vaccine_swift.drift.classifier import classifier_auc
from vaccine_swift.drift.covariances import (
    effective_rank,
    frechet_distance,
    participation_ratio,
)
from vaccine_swift.drift.detector import DriftDetector
from vaccine_swift.drift.gate import DriftExceeded
from vaccine_swift.drift.harmful_embedding_drift import hed
from vaccine_swift.drift.kernel_tests import energy_distance, mmd
from vaccine_swift.drift.merging import merge_tree
from vaccine_swift.drift.neighbours import knn_overlap, recall_at_k
from vaccine_swift.drift.paired_rows import PairedRows
from vaccine_swift.drift.report import Report
from vaccine_swift.drift.result import Similarity, TestResult
from vaccine_swift.drift.row_metrics import cosine, mean_l2, relative_drift
from vaccine_swift.drift.segments import two_sample
from vaccine_swift.drift.similarity import (
    cca,
    cka,
    linear_residual,
    principal_angle,
    procrustes,
    pwcca,
    subspace_overlap,
    svcca,
)
from vaccine_swift.drift.two_sample_report import TwoSampleReport
from vaccine_swift.drift.unpaired import FeatureTests, ks, sliced_wasserstein
from vaccine_swift.drift.windows import Windows
from vaccine_swift.drift.windows_report import WindowsReport

if TYPE_CHECKING:
    from vaccine_swift.drift.captured import Captured, capture
    from vaccine_swift.drift.comparison import compare
    from vaccine_swift.drift.monitor import Monitor

# What runs models loads their files' libraries; arrays do not need them.
__getattr__ = lazy_names(
    __name__,
    {
        "Captured": "vaccine_swift.drift.captured",
        "Monitor": "vaccine_swift.drift.monitor",
        "capture": "vaccine_swift.drift.captured",
        "compare": "vaccine_swift.drift.comparison",
    },
)

__all__ = [
    "Accumulator",
    "Captured",
    "DriftDetector",
    "DriftExceeded",
    "FeatureTests",
    "Monitor",
    "PairedRows",
    "Report",
    "Similarity",
    "TestResult",
    "TwoSampleReport",
    "Windows",
    "WindowsReport",
    "capture",
    "cca",
    "cka",
    "classifier_auc",
    "compare",
    "cosine",
    "effective_rank",
    "energy_distance",
    "frechet_distance",
    "hed",
    "knn_overlap",
    "ks",
    "linear_residual",
    "load",
    "mean_l2",
    "merge_tree",
    "mmd",
    "participation_ratio",
    "principal_angle",
    "procrustes",
    "pwcca",
    "recall_at_k",
    "relative_drift",
    "sliced_wasserstein",
    "subspace_overlap",
    "svcca",
    "two_sample",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
