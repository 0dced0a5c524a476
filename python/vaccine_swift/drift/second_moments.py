"""Second moments of one set of rows, or of two, and their metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range
from vaccine_swift._plurals import counted
from vaccine_swift.drift.ids import checked_ids, keys_of
from vaccine_swift.drift.metrics import estimates, numbers_of
from vaccine_swift.drift.result import Similarity
from vaccine_swift.drift.rows import NOT_PAIRS, called_x_and_y, rows
from vaccine_swift.drift.span import common_span, own_span
from vaccine_swift.drift.watch import Progress, Told, Watch
from vaccine_swift.drift.widths import same_width
from vaccine_swift.statistics import student_quantile

__all__ = ["FREE_OF_BASIS", "of_pairs", "of_sets", "similarities"]

_FOLDS: Final = 10
_OTHER_WIDTH: Final = "sides of different width are compared by PairedRows"

FREE_OF_BASIS: Final = (
    "cka",
    "cka_biased",
    "cca",
    "svcca",
    "pwcca",
    "linear_residual",
    "procrustes",
    "procrustes_angle",
    "effective_rank_reference",
    "effective_rank_current",
    "participation_ratio_reference",
    "participation_ratio_current",
)
"""Metrics that stay the same when either side is turned by itself."""


def of_pairs(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    metric: str,
    ids: Iterable[str | int] | None,
    confidence: float,
    progress: Progress,
) -> Similarity:
    """One metric of rows of the same prompts; arguments of `cka`.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As there.
    """
    first, second = rows(x, "x"), rows(y, "y")
    if first.shape != second.shape:
        other = _OTHER_WIDTH if len(first) == len(second) else NOT_PAIRS
        raise ValueError(
            f"y must have the shape of x, {list(first.shape)}, got "
            f"{list(second.shape)}; {other}"
        )
    with Watch(progress) as watch:
        return similarities(first, second, [metric], ids, confidence, watch)[metric]


def similarities(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    metrics: Sequence[str],
    ids: Iterable[str | int] | None,
    confidence: float,
    watch: Watch,
) -> dict[str, Similarity]:
    """Metrics of the second moments of paired rows, by name.

    Parameters
    ----------
    x, y : array [n, dx] and [n, dy], as `rows` gives them
        Of one width where a metric is none of `FREE_OF_BASIS`.
    metrics : sequence of str
    ids, confidence
        As of `cka`.
    watch : Watch
        Is told of the stages.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As `cka`.
    """
    check_range("confidence", confidence, above=0.0, below=1.0)
    if set(metrics) <= set(FREE_OF_BASIS):
        x, y = own_span(x, "x", watch), own_span(y, "y", watch)
    else:
        x, y = common_span(x, y, watch)
    first, second = same_width(x, y)
    states = _states(first, second, ids, watch.stage("moments"))
    width = first.shape[1]
    used = _core.drift_paired_folds(states, len(states), width)
    t = student_quantile(confidence, used - 1) if used > 1 else math.nan
    return _metrics(states, width, metrics, t, watch.stage("metrics"))


def of_sets(
    x: npt.NDArray[Any], y: npt.NDArray[Any] | None, metric: str, watch: Watch
) -> Similarity:
    """One metric of the second moments of one set, or of each of two."""
    if y is None:
        x = own_span(x, "x", watch)
    else:
        x, y = common_span(x, y, watch)
    width = x.shape[1]
    state = _room(1, width)
    _core.drift_unpaired(x, y, state, watch.stage("moments"))
    told = watch.stage("metrics")
    return _metrics(state, width, [metric], math.nan, told)[metric]


def _room(folds: int, width: int) -> npt.NDArray[np.float64]:
    """Memory for states of folds, which the core holds three times."""
    count = _core.drift_state_counts(width)[1]
    needed, left = 3 * 8 * folds * count, _core.available_memory()
    if needed > left:
        raise MemoryError(
            f"x and y must be smaller: moments of {counted(width, 'column')} take "
            f"about {needed / 2**30:.1f} GiB and {left / 2**30:.1f} GiB are free; rows "
            "in fewer columns, or fewer rows than columns, take less"
        )
    return np.empty((folds, count))


def _states(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    ids: Iterable[str | int] | None,
    told: Told,
) -> npt.NDArray[np.float64]:
    """The second moments of each fold of prompts, or of all rows as one fold."""
    folds = 1 if ids is None else _FOLDS
    keys = (
        np.zeros(len(x), np.uint64)
        if ids is None
        else keys_of(checked_ids(ids, len(x)))
    )
    states = _room(folds, x.shape[1])
    with called_x_and_y():
        _core.drift_paired(x, y, keys, folds, 0, 0, states, told)
    return states


def _metrics(
    states: npt.NDArray[np.float64],
    width: int,
    metrics: Sequence[str],
    t: float,
    told: Told,
) -> dict[str, Similarity]:
    """Metrics of the folds' moments; `t`: Student's quantile of their intervals."""
    folds = len(states)
    values = np.empty((len(metrics), 4))
    _core.drift_paired_metrics(
        states,
        folds,
        width,
        numbers_of(metrics),
        t,
        folds > 1,
        np.zeros(0),
        np.zeros(0, np.int64),
        values,
        np.zeros(0),
        told,
    )
    return {
        name: Similarity(each["value"], (each["low"], each["high"]), each.get("reason"))
        for name, each in estimates(metrics, values).items()
    }
