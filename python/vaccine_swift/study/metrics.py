"""The metrics of a study: their names for people, and what their units add up to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from vaccine_swift._arguments import check_word

__all__ = ["METRICS", "StudyMetric", "study_metric"]


@dataclass(frozen=True, slots=True)
class StudyMetric:
    """How a metric is named, written and computed from its units.

    Parameters
    ----------
    label : str
        For a heading.
    unit : str
        Of a value and of a difference of two.
    better : {"lower", "higher"}
        Which direction is good after an attack.
    kind : {"percent", "mean", "exponential"}
        The value is 100 times the mean of the units, their mean, or exp of the mean.
    """

    label: str
    unit: str
    better: Literal["lower", "higher"]
    kind: Literal["percent", "mean", "exponential"]

    @property
    def of_mean(self) -> Callable[[Any], Any]:
        """From the mean of the units to the value; takes numbers and arrays."""
        return _FUNCTIONS[self.kind]

    def shown(self, value: float | None, *, signed: bool = False) -> str:
        """A value for people; with `signed`, a difference with its sign."""
        if value is None or not math.isfinite(value):
            return "–"
        digits = 1 if self.kind == "percent" else 2
        if round(value, digits) == 0:
            value = 0.0
        text = f"{value:+.{digits}f}" if signed and value else f"{value:.{digits}f}"
        return text.replace("-", "−")


_FUNCTIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "percent": lambda mean: 100 * mean,
    "mean": lambda mean: mean,
    "exponential": np.exp,
}

METRICS: Final[dict[str, StudyMetric]] = {
    "harmful_score": StudyMetric("Harmful score", "%", "lower", "percent"),
    "fine_tune_accuracy": StudyMetric("Fine-tune accuracy", "%", "higher", "percent"),
    "refusal_margin": StudyMetric("Refusal margin", "nats/token", "higher", "mean"),
    "over_refusal": StudyMetric("Over-refusal", "%", "lower", "percent"),
    "near_miss_refusal": StudyMetric("Near misses refused", "%", "lower", "percent"),
    "perplexity": StudyMetric("Perplexity", "", "lower", "exponential"),
}
"""In the order of presentation."""


def study_metric(name: str) -> StudyMetric:
    """A metric by name.

    Raises
    ------
    ValueError
        When it is unknown; suggests the nearest.
    """
    check_word("metric", name, METRICS)
    return METRICS[name]
