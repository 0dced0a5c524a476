"""The words of a drift report's page, for people who do not know the field."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from vaccine_swift.drift.report_schema import metric
from vaccine_swift.drift.tables import metric_columns

__all__ = ["words"]

_METRICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "relative_drift": (
            "How far the states moved, as a share of their length: 0 % is not at all, "
            "100 % is as far as they are long."
        ),
        "cosine": "How far they turned: 1 is not at all, 0 is a right angle.",
        "rms": "The typical change of one number of a state.",
        "mean_l2": "The mean distance from where a state was.",
        "translation_share": "How much of the drift is one shift of all rows alike.",
        "leading_share": "How much of the drift is along one direction.",
        "mean_shift": "How far the mean of all rows moved.",
        "mahalanobis": (
            "How far the mean moved, in standard deviations of the reference's rows."
        ),
        "cka": (
            "Whether rows lie to one another as they did, whatever turn and scale: 1 "
            "is as they did, 0 is not at all."
        ),
        "effective_rank_reference": (
            "How many directions the reference's rows are spread over."
        ),
        "effective_rank_current": (
            "How many directions the current rows are spread over."
        ),
        "knn_overlap": "Share of a row's nearest neighbours that stayed its nearest.",
        "recall_at_k": (
            "How often a row's nearest neighbour is still among its k nearest."
        ),
    }
)
_INTERVAL: Final = (
    "Values that fit the data. It says what other prompts of the kind would give, and "
    "nothing of other runs of training."
)
_FLOOR: Final = "How far rounding, or a repeated run, moves the states by itself."
_P: Final = (
    "How often chance alone would give as much: k of B permutations that are at least "
    "as extreme make p = (1 + k) / (1 + B)."
)


def words(content: Mapping[str, Any]) -> dict[str, str]:
    """What the page's words mean: of the metrics and parts that the report has."""
    known = metric_columns(content["layers"])
    found = {metric(key).label: text for key, text in _METRICS.items() if key in known}
    found["interval"] = _INTERVAL
    if content["floor"]:
        found["noise floor"] = _FLOOR
    if content["tests"]:
        found["p"] = _P
    return found
