"""The metrics that the core knows, and estimates of them by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core

__all__ = [
    "METRICS",
    "PAIRED_METRICS",
    "TABLE_METRICS",
    "VECTOR_METRICS",
    "CoreMetric",
    "estimates",
    "numbers_of",
]


@dataclass(frozen=True, slots=True)
class CoreMetric:
    """A row of the core's table.

    Parameters
    ----------
    name, label : str
        As a key and as a heading.
    unit : {"", "share", "radians", "states", "squared states"}
        A share reads best in per cent.
    low, high : float
        Of its values; `high` None: the width.
    rows : int
        The fewest rows that it needs; -1: more rows than columns.
    table, vector, paired : bool
        What gives it: sums of prompts and first moments, which every tier has, or
        second moments, which "full" has and, of projected rows, "sketch".
    """

    name: str
    label: str
    unit: str
    low: float
    high: float | None
    rows: int
    table: bool
    vector: bool
    paired: bool


METRICS: Final = tuple(CoreMetric(*row) for row in _core.drift_metrics())
"""All metrics in the order of presentation; the place is the core's number."""

TABLE_METRICS: Final = tuple(each.name for each in METRICS if each.table)
VECTOR_METRICS: Final = tuple(each.name for each in METRICS if each.vector)
PAIRED_METRICS: Final = tuple(each.name for each in METRICS if each.paired)

_NUMBERS: Final = {each.name: number for number, each in enumerate(METRICS)}
_REASONS: Final = _core.drift_reasons()


def numbers_of(names: Sequence[str]) -> npt.NDArray[np.int64]:
    """The core's numbers of metrics."""
    return np.array([_NUMBERS[name] for name in names], np.int64)


def estimates(
    names: Sequence[str], values: npt.NDArray[np.float64]
) -> dict[str, dict[str, Any]]:
    """The core's rows (value, low, high, reason) by name."""
    by_name: dict[str, dict[str, Any]] = {}
    for name, (value, low, high, reason) in zip(names, values.tolist(), strict=True):
        by_name[name] = {"value": value, "low": low, "high": high}
        if reason:
            by_name[name]["reason"] = _REASONS[int(reason)]
    return by_name
