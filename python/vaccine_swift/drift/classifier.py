"""How well a classifier tells two embedding sets apart."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range
from vaccine_swift.drift.relabelling import group_numbers, relabelling
from vaccine_swift.drift.result import TestResult
from vaccine_swift.drift.rows import float64_rows, two_sets
from vaccine_swift.drift.watch import Progress, Told, Watch

__all__ = ["classifier_auc"]

_SIDES: Final[tuple[Literal["left", "right"], ...]] = ("left", "right")


def classifier_auc(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    folds: int = 5,
    groups: Any = None,
    permutations: int = 0,
    seed: int = 0,
    progress: Progress = False,
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
    progress : bool or callable
        True: a bar on standard error where that is a terminal. A callable gets
        ``("classifiers", share, 1.0)`` 20 times a second at most, and after every
        cross-validation.

    Returns
    -------
    TestResult
        `statistic` is the AUC in [0, 1], 0.5 for sets alike; `effect_size` is
        2 AUC - 1.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.
    KeyboardInterrupt
        Within a second.
    """
    first, second = two_sets(x, y)
    n, total = len(first), len(first) + len(second)
    check_range("permutations", permutations, minimum=0, maximum=2**20, integer=True)
    check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
    numbers = (
        np.arange(total) if groups is None else group_numbers(groups, n, total - n)
    )
    units = int(numbers.max()) + 1
    check_range("folds", folds, minimum=2, maximum=units, integer=True)
    rng = np.random.default_rng(seed)
    if first.dtype != second.dtype:
        first, second = float64_rows(first), float64_rows(second)
    pooled = np.concatenate([first, second])
    labels = np.arange(total) >= n
    relabelled = relabelling(numbers, labels)

    def statistic(labels: npt.NDArray[np.bool_], told: Told) -> float:
        of_row = _stratified(numbers, labels, int(folds), rng)
        found = _auc(pooled, labels, of_row, int(folds), told)
        if told is not None:
            told(1.0)
        return found

    with Watch(progress) as watch:
        first_told, *others = watch.parts("classifiers", permutations + 1)
        observed = statistic(labels, first_told)
        null = np.array([statistic(relabelled(rng), told) for told in others])
    return TestResult.of(observed, null, effect_size=2 * observed - 1)


def _auc(
    pooled: npt.NDArray[Any],
    labels: npt.NDArray[np.bool_],
    folds: npt.NDArray[np.int64],
    count: int,
    told: Told,
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
        told,
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
