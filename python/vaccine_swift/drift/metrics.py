"""Names of the metrics in the order of the core's arrays, and reasons for NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "PAIRED_METRICS",
    "REASONS",
    "TABLE_METRICS",
    "VECTOR_METRICS",
    "estimates",
]

TABLE_METRICS: Final = (
    "relative_drift",
    "rms",
    "mean_l2",
    "cosine",
    "hed_rms",
    "hed_paper",
    "hed_vaccine_code",
)
VECTOR_METRICS: Final = ("mean_shift", "mahalanobis", "translation_share")
PAIRED_METRICS: Final = (
    "cka",
    "cka_biased",
    "procrustes",
    "procrustes_angle",
    "cca",
    "svcca",
    "pwcca",
    "linear_residual",
    "frechet",
    "frechet_null",
    "subspace_overlap",
    "principal_angle",
    "effective_rank_reference",
    "effective_rank_current",
    "participation_ratio_reference",
    "participation_ratio_current",
    "mean_shift",
    "mahalanobis",
    "translation_share",
)
REASONS: Final = (
    None,
    "too few rows or prompts",
    "a side does not vary, or nothing moved",
    "not more rows than columns",
    "an estimate of the variance is not positive",
    "the decomposition did not converge",
    "fewer than two folds have prompts",
)


def estimates(
    names: Sequence[str], values: npt.NDArray[np.float64]
) -> dict[str, dict[str, Any]]:
    """The core's rows (value, low, high, reason) by name."""
    told: dict[str, dict[str, Any]] = {}
    for name, (value, low, high, reason) in zip(names, values.tolist(), strict=True):
        told[name] = {"value": value, "low": low, "high": high}
        if reason:
            told[name]["reason"] = REASONS[int(reason)]
    return told
