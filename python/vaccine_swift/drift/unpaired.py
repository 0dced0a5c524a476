"""Embedding sets compared by column, projection, neighbours and classifier."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range
from vaccine_swift.drift.kernel_tests import group_numbers, relabelling
from vaccine_swift.drift.neighbours import mean_over_prompts
from vaccine_swift.drift.result import Similarity, TestResult
from vaccine_swift.drift.rows import NOT_PAIRS, float64_rows, rows
from vaccine_swift.drift.watch import Progress, Watch
from vaccine_swift.drift.widths import same_width
from vaccine_swift.statistics import benjamini_hochberg, holm

__all__ = ["FeatureTests", "classifier_auc", "knn_overlap", "ks", "sliced_wasserstein"]

_SIDES: Final[tuple[Literal["left", "right"], ...]] = ("left", "right")


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTests:
    """A test of every column, with corrections for their number.

    Parameters
    ----------
    statistics, p_values : array [d]
    holm : array [d]
        P-values that bound the chance of any false rejection (Holm 1979).
    benjamini_hochberg : array [d]
        P-values that bound the share of false rejections (1995).
    """

    statistics: npt.NDArray[np.float64]
    p_values: npt.NDArray[np.float64]
    holm: npt.NDArray[np.float64]
    benjamini_hochberg: npt.NDArray[np.float64]

    def rejected(
        self, level: float = 0.05, *, correction: str = "holm"
    ) -> npt.NDArray[np.bool_]:
        """Which columns differ at a level; correction "holm" or "benjamini_hochberg".

        Raises
        ------
        ValueError
            For another correction or a level outside (0, 1).
        """
        check_range("level", level, above=0.0, below=1.0)
        if correction not in ("holm", "benjamini_hochberg"):
            raise ValueError(
                f"correction must be 'holm' or 'benjamini_hochberg', got {correction!r}"
            )
        return getattr(self, correction) <= level


def ks(
    x: npt.ArrayLike, y: npt.ArrayLike, *, progress: Progress = False
) -> FeatureTests:
    """The two-sample Kolmogorov-Smirnov test of every column.

    Parameters
    ----------
    x, y : array [n, d] and [m, d]
    progress : bool or callable
        True: a bar on standard error where that is a terminal. A callable gets
        ``("columns", share, 1.0)``, 20 times a second at most.

    Returns
    -------
    FeatureTests
        Statistics D = max |F - G| in [0, 1] and asymptotic p-values
        Q(√(nm / (n + m)) D) of Kolmogorov's distribution Q. Rows must be independent:
        of several rows of a prompt, take one.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.
    """
    first, second = _pair(x, y)
    statistics, p_values = np.empty((2, first.shape[1]))
    with Watch(progress) as watch:
        _core.drift_kolmogorov_smirnov(
            first, second, statistics, p_values, watch.stage("columns")
        )
    return FeatureTests(
        statistics, p_values, holm(p_values), benjamini_hochberg(p_values)
    )


def sliced_wasserstein(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    projections: int = 128,
    p: int = 2,
    seed: int = 0,
) -> float:
    """The sliced Wasserstein distance: (mean over directions of W_p^p)^(1/p).

    Parameters
    ----------
    x, y : array [n, d] and [m, d]
    projections : int
        Random directions.
    p : {1, 2}
    seed : int
        Of the directions.

    Returns
    -------
    float
        ≥ 0, in the unit of the columns.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.

    References
    ----------
    Bonneel et al. 2015, doi:10.1007/s10851-014-0506-3.
    """
    first, second = _pair(x, y)
    check_range("projections", projections, minimum=1, maximum=2**20, integer=True)
    check_range("p", p, minimum=1, maximum=2, integer=True)
    check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
    powers = np.empty(projections)
    _core.drift_sliced_wasserstein(first, second, projections, p, seed, powers)
    return float(powers.mean() ** (1 / p))


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
    first, second = rows(x, "x"), rows(y, "y")
    if len(first) != len(second):
        raise ValueError(
            f"y must have the {len(first)} rows of x, got {len(second)}; {NOT_PAIRS}"
        )
    check_range("k", k, minimum=1, maximum=len(first) - 1, integer=True)
    check_range("confidence", confidence, above=0.0, below=1.0)
    shares = np.empty(len(first))
    with Watch(progress) as watch:
        _core.drift_neighbour_overlap(
            *same_width(first, second), int(k), shares, watch.stage("neighbours")
        )
    return mean_over_prompts(shares, ids, confidence, seed)


def classifier_auc(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    folds: int = 5,
    groups: Any = None,
    permutations: int = 0,
    seed: int = 0,
) -> TestResult:
    """How well a linear classifier tells the sets apart: its cross-validated AUC.

    A logistic regression with an L2 penalty of 1 on standardised columns, fitted by
    Newton's method on all folds but one, scores the rows of the one left out. Folds
    are stratified: each has its share of either set. Rows are compared within folds,
    where one model scores both, so the AUC is 0.5 in the mean for sets alike.

    Parameters
    ----------
    x, y : array [n, d] and [m, d]
    folds : int
        2 to the number of rows or groups.
    groups : (array [n], array [m]) or array [n + m], optional
        Group (prompt) of each row; a group stays in one fold, and labels are permuted
        by group as in `mmd`.
    permutations : int
        B label permutations, each a whole cross-validation; 0: no test, `p_value` is
        None.
    seed : int
        Of folds and permutations.

    Returns
    -------
    TestResult
        `statistic` is the AUC in [0, 1], 0.5 for sets alike; `effect_size` is
        2 AUC - 1.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.
    """
    first, second = _pair(x, y)
    n, total = len(first), len(first) + len(second)
    check_range("permutations", permutations, minimum=0, maximum=2**20, integer=True)
    check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
    numbers = (
        np.arange(total) if groups is None else group_numbers(groups, n, total - n)
    )
    units = int(numbers.max()) + 1
    check_range("folds", folds, minimum=2, maximum=units, integer=True)
    rng = np.random.default_rng(seed)
    pooled = np.concatenate([float64_rows(first), float64_rows(second)])
    labels = np.arange(total) >= n
    relabelled = relabelling(numbers, labels)

    def statistic(labels: npt.NDArray[np.bool_]) -> float:
        of_row = _stratified(numbers, labels, int(folds), rng)
        return _auc(pooled, labels, of_row, int(folds))

    observed = statistic(labels)
    null = np.array([statistic(relabelled(rng)) for _ in range(permutations)])
    return TestResult.of(observed, null, effect_size=2 * observed - 1)


def _auc(
    pooled: npt.NDArray[np.float64],
    labels: npt.NDArray[np.bool_],
    folds: npt.NDArray[np.int64],
    count: int,
) -> float:
    """The share of pairs within folds whose row labelled true scores higher."""
    order = np.argsort(labels, kind="stable")
    n = len(labels) - int(labels.sum())
    scores = np.empty(len(pooled))
    _core.drift_classifier_scores(
        np.ascontiguousarray(pooled[order[:n]]),
        np.ascontiguousarray(pooled[order[n:]]),
        np.ascontiguousarray(folds[order], np.int64),
        count,
        scores,
    )
    won = pairs = 0.0
    for fold in range(count):
        first, second = (
            scores[part][folds[order[part]] == fold]
            for part in (slice(n), slice(n, None))
        )
        ranks = np.sort(first)
        below, upto = (np.searchsorted(ranks, second, side) for side in _SIDES)
        won += float((below + upto).sum()) / 2
        pairs += len(first) * len(second)
    return won / pairs


def _stratified(
    numbers: npt.NDArray[np.int64],
    labels: npt.NDArray[np.bool_],
    folds: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """The fold of each row, drawn for the groups of each side by itself.

    A group with rows of both sides counts as one of the last row's side.
    """
    sides = np.zeros(int(numbers.max()) + 1, np.bool_)
    sides[numbers] = labels
    of_group = np.empty(len(sides), np.int64)
    for side in (False, True):
        members = np.flatnonzero(sides == side)
        of_group[members] = rng.permutation(np.arange(len(members)) % folds)
    return of_group[numbers]


def _pair(
    x: npt.ArrayLike, y: npt.ArrayLike
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    first, second = rows(x, "x"), rows(y, "y")
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"y must have the {first.shape[1]} columns of x, got {second.shape[1]}"
        )
    return first, second
