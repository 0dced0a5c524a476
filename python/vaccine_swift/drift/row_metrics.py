"""How far rows of the same prompts are apart: one sweep over both sides."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range
from vaccine_swift.drift.ids import checked_ids
from vaccine_swift.drift.metrics import TABLE_METRICS, numbers_of
from vaccine_swift.drift.result import Similarity
from vaccine_swift.drift.rows import NOT_PAIRS, called_x_and_y, rows
from vaccine_swift.drift.watch import Progress

__all__ = ["cosine", "mean_l2", "relative_drift", "row_metric"]

_NUMBERS: Final = {name: numbers_of([name]) for name in TABLE_METRICS}
_DRAWS: Final = 999


def cosine(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    progress: Progress = False,
) -> Similarity:
    """The mean cosine of row i of x and row i of y.

    Parameters
    ----------
    x, y : array [n, d]
        Rows of the same prompts; float16, bfloat16, float32 or float64, each turned
        into float64 before it is multiplied. Two zero rows have cosine 1, one has 0.
    ids : sequence of n str or int, optional
        The prompt of each row. With them the result has an `interval`, by 999 Poisson
        bootstraps over prompts, as in `Accumulator.report`.
    confidence : float
        Of the interval, in (0, 1).
    progress : bool or callable
        True: a bar on standard error where that is a terminal. A callable gets
        ``("intervals over prompts", share, 1.0)``, 20 times a second at most.

    Returns
    -------
    Similarity
        In [-1, 1].

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(cosine(np.eye(2), np.array([[1, 1], [0, 1]]))), 4)
    0.8536
    """
    return _metric(x, y, "cosine", ids, confidence, progress)


def relative_drift(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    progress: Progress = False,
) -> Similarity:
    """√(Σ|y - x|² / Σ|x|²): the change as a share of the norm, ≥ 0. As `cosine`."""
    return _metric(x, y, "relative_drift", ids, confidence, progress)


def mean_l2(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    progress: Progress = False,
) -> Similarity:
    """Σ|y - x| / n: the rows' mean distance, in the states' unit. As `cosine`."""
    return _metric(x, y, "mean_l2", ids, confidence, progress)


def row_metric(x: npt.NDArray[Any], y: npt.NDArray[Any], name: str) -> float:
    """A metric of tables of all rows together, of arrays that `rows` gave.

    Raises
    ------
    ValueError
        When an element is not finite; names ``reference`` or ``current``.
    """
    value = np.empty(1)
    _core.drift_row_metrics(x, y, _NUMBERS[name], value)
    return float(value[0])


def _metric(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    name: str,
    ids: Iterable[str | int] | None,
    confidence: float,
    progress: Progress,
) -> Similarity:
    first, second = rows(x, "x"), rows(y, "y")
    if first.shape != second.shape:
        raise ValueError(
            f"y must have the shape of x, {list(first.shape)}, got "
            f"{list(second.shape)}; {NOT_PAIRS}"
        )
    check_range("confidence", confidence, above=0.0, below=1.0)
    if ids is not None:
        return _with_interval(
            first, second, name, checked_ids(ids, len(first)), confidence, progress
        )
    with called_x_and_y():
        value = row_metric(first, second, name)
    reason = "the reference does not vary" if math.isnan(value) else None
    return Similarity(value, reason=reason)


def _with_interval(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    name: str,
    ids: list[str | int],
    confidence: float,
    progress: Progress,
) -> Similarity:
    from vaccine_swift.drift.accumulator import Accumulator

    accumulator = Accumulator(x.shape[1], directions=8)
    accumulator.update(x, y, ids=ids)
    report = accumulator.report(
        tests=[], permutations=_DRAWS, confidence=confidence, progress=progress
    )
    found = report.to_dict()["layers"][0][name]
    return Similarity(
        found["value"], (found["low"], found["high"]), found.get("reason")
    )
