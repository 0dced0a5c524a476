"""How alike two sets of states are, row by row of the same prompts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range
from vaccine_swift.drift.ids import checked_ids, keys_of
from vaccine_swift.drift.metrics import estimates, numbers_of
from vaccine_swift.drift.result import Similarity
from vaccine_swift.drift.rows import NOT_PAIRS, rows
from vaccine_swift.drift.widths import same_width
from vaccine_swift.statistics import student_quantile

__all__ = [
    "FREE_OF_BASIS",
    "cca",
    "cka",
    "effective_rank",
    "frechet_distance",
    "linear_residual",
    "participation_ratio",
    "principal_angle",
    "procrustes",
    "pwcca",
    "similarities",
    "subspace_overlap",
    "svcca",
]

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


def cka(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    debiased: bool = True,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
) -> Similarity:
    """Linear centred kernel alignment: how alike up to rotation and scale.

    Debiased, h(x, y) / √(h(x, x) h(y, y)) with the unbiased HSIC estimator h: at most
    1, 0 in the mean for independent rows, negative by chance. Biased,
    ‖Sxy‖² / (‖Sxx‖ ‖Syy‖) in [0, 1], which nears 1 for anything when n is not far
    above d.

    Parameters
    ----------
    x, y : array [n, d]
        Rows of the same prompts; float16, bfloat16, float32 or float64. Of different
        widths, `PairedRows` gives it.
    debiased : bool
    ids : sequence of n str or int, optional
        The prompt of each row. With them the result has an `interval`, by leaving out
        each of ten folds of prompts.
    confidence : float
        Of the interval, in (0, 1).

    Returns
    -------
    Similarity
        A float with `interval` and `reason`; NaN with a reason for fewer than four
        rows or a side that does not vary.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.

    References
    ----------
    Kornblith et al. 2019, arXiv:1905.00414; Song et al. 2012, JMLR 13.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> float(cka(x, 2 * x[:, ::-1])).__round__(12)
    1.0
    """
    return _paired(x, y, "cka" if debiased else "cka_biased", ids, confidence)


def procrustes(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    angle: bool = False,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
) -> Similarity:
    """What is left between two sets after the best rotation of their centred rows.

    tr Sxx + tr Syy - 2 ‖Sxy‖∗, a squared distance ≥ 0; or the angle
    arccos(‖Sxy‖∗ / √(tr Sxx tr Syy)) in [0, π/2], which ignores scale. Arguments and
    result as of `cka`; Williams et al. 2021, arXiv:2110.14739.
    """
    return _paired(x, y, "procrustes_angle" if angle else "procrustes", ids, confidence)


def cca(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
) -> Similarity:
    """The mean canonical correlation, in [0, 1]; NaN unless n > d. As `cka`."""
    return _paired(x, y, "cca", ids, confidence)


def svcca(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
) -> Similarity:
    """`cca` after keeping 99 % of each side's variance; arXiv:1706.05806."""
    return _paired(x, y, "svcca", ids, confidence)


def pwcca(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
) -> Similarity:
    """Canonical correlations weighted by what they explain of x; arXiv:1806.05759."""
    return _paired(x, y, "pwcca", ids, confidence)


def linear_residual(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
) -> Similarity:
    """The share of y's variance that no linear map of x gives; NaN unless n > d."""
    return _paired(x, y, "linear_residual", ids, confidence)


def subspace_overlap(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
) -> Similarity:
    """‖Uxᵀ Uy‖² / k of the ten leading principal directions, in [0, 1]. As `cka`."""
    return _paired(x, y, "subspace_overlap", ids, confidence)


def principal_angle(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
) -> Similarity:
    """The largest angle between these subspaces, in [0, π/2]. As `cka`."""
    return _paired(x, y, "principal_angle", ids, confidence)


def frechet_distance(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
) -> Similarity:
    """The Fréchet distance of the Gaussians with the sets' means and covariances.

    |mx - my|² + tr(Cx + Cy - 2 (Cx^½ Cy Cx^½)^½) ≥ 0, a squared distance. It is
    biased upwards by about d² / (2 n) of the variance: compare with two halves of one
    set.

    Parameters
    ----------
    x, y : array [n, d] and [m, d]
        n, m ≥ 2; with `ids` the rows of the same prompts, n = m.
    ids, confidence
        As of `cka`.

    Returns
    -------
    Similarity

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.

    References
    ----------
    Dowson & Landau 1982, Journal of Multivariate Analysis 12.
    """
    first, second = rows(x, "x"), rows(y, "y")
    if ids is not None:
        return _paired(first, second, "frechet", ids, confidence)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"y must have the {first.shape[1]} columns of x, got {second.shape[1]}"
        )
    for name, side in (("x", first), ("y", second)):
        if len(side) < 2:
            raise ValueError(f"{name} must have at least two rows, got {len(side)}")
    check_range("confidence", confidence, above=0.0, below=1.0)
    return _unpaired(first, second, "frechet")


def effective_rank(x: npt.ArrayLike) -> Similarity:
    """Exp of the entropy of the covariance's spectrum, in [1, d]; Roy & Vetterli 2007.

    Parameters
    ----------
    x : array [n, d]

    Raises
    ------
    TypeError, ValueError
        For what is no finite array [n, d].
    """
    return _unpaired(rows(x, "x"), None, "effective_rank_reference")


def participation_ratio(x: npt.ArrayLike) -> Similarity:
    """(tr S)² / ‖S‖² of the covariance S, in [1, d]. As `effective_rank`."""
    return _unpaired(rows(x, "x"), None, "participation_ratio_reference")


def _paired(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    metric: str,
    ids: Iterable[str | int] | None,
    confidence: float,
) -> Similarity:
    first, second = rows(x, "x"), rows(y, "y")
    if first.shape != second.shape:
        other = _OTHER_WIDTH if len(first) == len(second) else NOT_PAIRS
        raise ValueError(
            f"y must have the shape of x, {list(first.shape)}, got "
            f"{list(second.shape)}; {other}"
        )
    return similarities(first, second, [metric], ids, confidence)[metric]


def similarities(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    metrics: Sequence[str],
    ids: Iterable[str | int] | None,
    confidence: float,
) -> dict[str, Similarity]:
    """Metrics of the second moments of paired rows, by name.

    Parameters
    ----------
    x, y : array [n, dx] and [n, dy], as `rows` gives them
        Of one width where a metric is none of `FREE_OF_BASIS`.
    metrics : sequence of str
    ids, confidence
        As of `cka`.
    """
    check_range("confidence", confidence, above=0.0, below=1.0)
    first, second = same_width(x, y)
    states = _moments(first, second, ids)
    width = first.shape[1]
    used = _core.drift_paired_folds(states, len(states), width)
    t = student_quantile(confidence, used - 1) if used > 1 else math.nan
    return _metrics(states, width, metrics, t)


def _unpaired(
    x: npt.NDArray[Any], y: npt.NDArray[Any] | None, metric: str
) -> Similarity:
    """One metric of the second moments of one set, or of each of two."""
    width = x.shape[1]
    state = np.empty((1, _core.drift_state_counts(width)[1]))
    _core.drift_unpaired(x, y, state)
    return _metrics(state, width, [metric], math.nan)[metric]


def _moments(
    x: npt.NDArray[Any], y: npt.NDArray[Any], ids: Iterable[str | int] | None
) -> npt.NDArray[np.float64]:
    """The second moments of each fold of prompts, or of all rows as one fold."""
    folds = 1 if ids is None else _FOLDS
    keys = (
        np.zeros(len(x), np.uint64)
        if ids is None
        else keys_of(checked_ids(ids, len(x)))
    )
    states = np.empty((folds, _core.drift_state_counts(x.shape[1])[1]))
    try:
        _core.drift_paired(x, y, keys, folds, 0, 0, states)
    except ValueError as error:
        text = str(error).replace("reference must", "x must")
        raise ValueError(text.replace("current must", "y must")) from None
    return states


def _metrics(
    states: npt.NDArray[np.float64], width: int, metrics: Sequence[str], t: float
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
    )
    return {
        name: Similarity(each["value"], (each["low"], each["high"]), each.get("reason"))
        for name, each in estimates(metrics, values).items()
    }
