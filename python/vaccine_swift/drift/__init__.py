"""Embedding drift: how far, where and how surely a model's states have moved."""

from __future__ import annotations

from vaccine_swift.drift.accumulator import Accumulator, load
from vaccine_swift.drift.compare import compare
from vaccine_swift.drift.gate import DriftExceeded
from vaccine_swift.drift.hed import hed
from vaccine_swift.drift.monitor import Monitor
from vaccine_swift.drift.report import Report
from vaccine_swift.drift.result import Similarity, TestResult
from vaccine_swift.drift.similarity import (
    cca,
    cka,
    effective_rank,
    frechet_distance,
    linear_residual,
    participation_ratio,
    principal_angle,
    procrustes,
    pwcca,
    subspace_overlap,
    svcca,
)
from vaccine_swift.drift.two_sample import energy_distance, mmd

__all__ = [
    "Accumulator",
    "DriftExceeded",
    "Monitor",
    "Report",
    "Similarity",
    "TestResult",
    "cca",
    "cka",
    "compare",
    "effective_rank",
    "energy_distance",
    "frechet_distance",
    "hed",
    "linear_residual",
    "load",
    "mmd",
    "participation_ratio",
    "principal_angle",
    "procrustes",
    "pwcca",
    "subspace_overlap",
    "svcca",
]
