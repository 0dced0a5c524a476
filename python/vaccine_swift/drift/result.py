"""What tests and similarity functions return."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Similarity", "TestResult", "permutation_p_value"]

_BINS = 30


def permutation_p_value(
    statistic: float, null: npt.NDArray[np.float64], *, rounding: float = 0.0
) -> float | None:
    """(1 + k) / (1 + B); NaN for a NaN statistic, None where there are no draws.

    A draw that is below the statistic by no more than `rounding` counts as equal to it.
    """
    if not null.size:
        return None
    if math.isnan(statistic):
        return math.nan
    return (1 + int((null >= statistic - rounding).sum())) / (1 + null.size)


@dataclass(frozen=True, slots=True)
class TestResult:
    """A permutation test with its size, never the p-value alone.

    Parameters
    ----------
    statistic : float
        The observed value.
    p_value : float or None
        (1 + k) / (1 + B) with k of B draws at least as large as `statistic`; at least
        1 / (1 + B). Phipson & Smyth 2010. None where B is 0: nothing was tested.
    z : float
        (statistic - null_mean) / null_std; NaN where the null does not vary.
    null_mean, null_std : float
        Of the draws.
    permutations : int
        B.
    effect_size : float
        Named in the function that made the result.
    details : mapping
        ``floor`` (the least p-value that B allows, None where B is 0),
        ``null_histogram`` and what the function adds.
    """

    __test__ = False  # pytest takes the name for a test class

    statistic: float
    p_value: float | None
    z: float
    null_mean: float
    null_std: float
    permutations: int
    effect_size: float
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        statistic: float,
        null: npt.NDArray[np.float64],
        *,
        effect_size: float,
        rounding: float = 0.0,
        **details: Any,
    ) -> TestResult:
        """The result of comparing a statistic with its draws, one-sided.

        Draws that differ by no more than `rounding` are taken for equal.
        """
        null = null[np.isfinite(null)]
        mean = float(null.mean()) if null.size else math.nan
        std = float(null.std()) if null.size else math.nan
        counts, edges = _histogram(null)
        return cls(
            statistic=float(statistic),
            p_value=permutation_p_value(float(statistic), null, rounding=rounding),
            z=(float(statistic) - mean) / std if std > rounding else math.nan,
            null_mean=mean,
            null_std=std,
            permutations=int(null.size),
            effect_size=float(effect_size),
            details={
                "floor": 1 / (1 + null.size) if null.size else None,
                "null_histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
                **details,
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields, as plain types."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        p_value = None if self.p_value is None else f"{self.p_value:.4g}"
        return (
            f"TestResult(statistic={self.statistic:.4g}, p_value={p_value}, "
            f"z={self.z:.3g}, effect_size={self.effect_size:.4g}, "
            f"permutations={self.permutations})"
        )


def _histogram(
    null: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Counts and edges of 30 bins, or of one where the draws are too close for more."""
    try:
        return np.histogram(null, _BINS)
    except ValueError:
        edges = np.array([null.min(), np.nextafter(null.max(), np.inf)])
        return np.array([null.size]), edges


class Similarity(float):
    """A number with what is known of its spread.

    Attributes
    ----------
    interval : (float, float)
        Bounds of the confidence interval over prompts; NaN where there is none.
    reason : str or None
        Why the value or the interval is NaN.
    """

    interval: tuple[float, float]
    reason: str | None

    def __new__(
        cls,
        value: float,
        interval: tuple[float, float] = (math.nan, math.nan),
        reason: str | None = None,
    ) -> Similarity:
        """A float with its interval and reason."""
        self = super().__new__(cls, value)
        self.interval = interval
        self.reason = reason
        return self

    def __repr__(self) -> str:
        low, high = self.interval
        spread = "" if math.isnan(low) else f" [{low:.4g}, {high:.4g}]"
        why = f" ({self.reason})" if self.reason and math.isnan(self) else ""
        return f"{float(self):.6g}{spread}{why}"
