"""Whether rows keep their nearest neighbours from one space to another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range
from vaccine_swift._plurals import counted
from vaccine_swift.drift.ids import checked_ids
from vaccine_swift.drift.result import Similarity
from vaccine_swift.drift.row_metrics import row_metric
from vaccine_swift.drift.rows import NOT_PAIRS, called_x_and_y, float64_rows, rows
from vaccine_swift.drift.watch import Progress, Watch
from vaccine_swift.drift.widths import same_width

__all__ = ["knn_overlap", "recall_at_k"]

_DRAWS: Final = 999
_BLOCK: Final = 512
_ELEMENTS: Final = 2**23
"""Distances of one block at most."""


def knn_overlap(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    k: int = 10,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Progress = False,
) -> Similarity:
    """How many of a row's nearest neighbours in x are its partner's in y.

    The mean over rows of |N_k(x_i) ∩ N_k(y_i)| / k, by Euclidean distance.

    Parameters
    ----------
    x : array [n, dx]
    y : array [n, dy]
        Rows of the same prompts, n > k; the widths may differ.
    k : int
    ids : sequence of n str or int, optional
        The prompt of each row; with them the result has an interval, by 999 bootstrap
        draws of prompts.
    confidence : float
    seed : int
    progress : bool or callable
        As of `ks`; the stage is "neighbours".

    Returns
    -------
    Similarity
        In [0, 1]; k / (n - 1) for unrelated sets.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.
    """
    first, second = _pair(x, y, k, confidence)
    shares = np.empty(len(first))
    with Watch(progress) as watch:
        _core.drift_neighbour_overlap(
            *same_width(first, second), int(k), shares, watch.stage("neighbours")
        )
    return _mean_over_prompts(shares, ids, confidence, seed)


def recall_at_k(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    k: int = 10,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Progress = False,
) -> Similarity:
    """How often a row's nearest neighbour in x is among its partner's k in y.

    What a search by the current embedding still finds of the reference's best hits.

    Parameters
    ----------
    x : array [n, dx]
    y : array [n, dy]
        Rows of the same prompts, n > k; the widths may differ.
    k, ids, confidence, seed, progress
        As of `knn_overlap`.

    Returns
    -------
    Similarity
        In [0, 1]; k / (n - 1) for unrelated sets.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument. NaN and infinite elements
        are counted and the first is located.

    Notes
    -----
    O(n² (dx + dy)) in float64. Of neighbours at one distance, the first row is nearer.
    """
    first, second = _pair(x, y, k, confidence)
    # The core counts and locates elements that are not finite.
    with called_x_and_y():
        row_metric(*same_width(first, second), "mean_l2")
    sides = [float64_rows(side) for side in (first, second)]
    for side in sides:
        side -= side.mean(0)
    found = np.empty(len(first))
    block = max(1, min(_BLOCK, _ELEMENTS // len(first)))
    with Watch(progress) as watch:
        for start in watch.over("neighbours", range(0, len(first), block)):
            part = slice(start, start + block)
            near, far = (_squared_distances(side, part) for side in sides)
            own = np.arange(len(near))
            nearest = near.argmin(1)
            limit = far[own, nearest][:, None]
            before = np.arange(len(first)) < nearest[:, None]
            rank = (far < limit).sum(1) + ((far == limit) & before).sum(1)
            found[part] = rank < k
    return _mean_over_prompts(found, ids, confidence, seed)


def _pair(
    x: npt.ArrayLike, y: npt.ArrayLike, k: int, confidence: float
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    first, second = rows(x, "x"), rows(y, "y")
    if len(first) != len(second):
        raise ValueError(
            f"y must have the {counted(len(first), 'row')} of x, got {len(second)}; "
            f"{NOT_PAIRS}"
        )
    check_range("k", k, minimum=1, maximum=len(first) - 1, integer=True)
    check_range("confidence", confidence, above=0.0, below=1.0)
    return first, second


def _squared_distances(
    side: npt.NDArray[np.float64], part: slice
) -> npt.NDArray[np.float64]:
    """From some rows to all, infinite to themselves."""
    some = side[part]
    squares = (some**2).sum(1)[:, None] + (side**2).sum(1) - 2 * some @ side.T
    squares[np.arange(len(some)), np.arange(len(side))[part]] = np.inf
    return squares


def _mean_over_prompts(
    values: npt.NDArray[np.float64],
    ids: Iterable[str | int] | None,
    confidence: float,
    seed: int,
) -> Similarity:
    """The mean over rows; where prompts are known, with its interval over them."""
    if ids is None:
        return Similarity(values.mean())
    _, owner = np.unique(
        [str(each) for each in checked_ids(ids, len(values))], return_inverse=True
    )
    sums, counts = np.bincount(owner, values), np.bincount(owner)
    drawn = np.random.default_rng(seed).multinomial(
        len(counts), np.full(len(counts), 1 / len(counts)), _DRAWS
    )
    means = (drawn @ sums) / (drawn @ counts)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Similarity(values.mean(), (float(low), float(high)))
