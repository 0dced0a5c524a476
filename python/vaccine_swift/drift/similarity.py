"""How alike two sets of states are, row by row of the same prompts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy.typing as npt

from vaccine_swift.drift.result import Similarity
from vaccine_swift.drift.second_moments import of_pairs
from vaccine_swift.drift.watch import Progress

__all__ = [
    "cca",
    "cka",
    "linear_residual",
    "principal_angle",
    "procrustes",
    "pwcca",
    "subspace_overlap",
    "svcca",
]


def cka(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    debiased: bool = True,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    progress: Progress = False,
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
    progress : bool or callable
        True: a bar on standard error where that is a terminal. A callable gets the
        stage ("span of x" and "span of y", or "span", of fewer rows than columns,
        "moments", "metrics"), the share of it that is done, and 1.0; 20 times a second
        at most.

    Returns
    -------
    Similarity
        A float with `interval` and `reason`; NaN with a reason for fewer than four
        rows or a side that does not vary.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.
    MemoryError
        Where the moments do not fit in what is free.

    Notes
    -----
    O(n d²) operations and O(d²) memory; of fewer rows than columns, O(n² d) and O(n²):
    rows are then seen in a basis of their span, which changes no inner product.

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
    return of_pairs(
        x, y, "cka" if debiased else "cka_biased", ids, confidence, progress
    )


def procrustes(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    angle: bool = False,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    progress: Progress = False,
) -> Similarity:
    """What is left between two sets after the best rotation of their centred rows.

    tr Sxx + tr Syy - 2 ‖Sxy‖∗, a squared distance ≥ 0; or the angle
    arccos(‖Sxy‖∗ / √(tr Sxx tr Syy)) in [0, π/2], which ignores scale. Arguments and
    result as of `cka`; Williams et al. 2021, arXiv:2110.14739.
    """
    return of_pairs(
        x, y, "procrustes_angle" if angle else "procrustes", ids, confidence, progress
    )


def cca(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    progress: Progress = False,
) -> Similarity:
    """The mean canonical correlation, in [0, 1]; NaN unless n > d. As `cka`."""
    return of_pairs(x, y, "cca", ids, confidence, progress)


def svcca(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    progress: Progress = False,
) -> Similarity:
    """`cca` after keeping 99 % of each side's variance; arXiv:1706.05806."""
    return of_pairs(x, y, "svcca", ids, confidence, progress)


def pwcca(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    progress: Progress = False,
) -> Similarity:
    """Canonical correlations weighted by what they explain of x; arXiv:1806.05759."""
    return of_pairs(x, y, "pwcca", ids, confidence, progress)


def linear_residual(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    progress: Progress = False,
) -> Similarity:
    """The share of y's variance that no linear map of x gives; NaN unless n > d."""
    return of_pairs(x, y, "linear_residual", ids, confidence, progress)


def subspace_overlap(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    progress: Progress = False,
) -> Similarity:
    """‖Uxᵀ Uy‖² / k of the ten leading principal directions, in [0, 1]. As `cka`."""
    return of_pairs(x, y, "subspace_overlap", ids, confidence, progress)


def principal_angle(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    progress: Progress = False,
) -> Similarity:
    """The largest angle between these subspaces, in [0, π/2]. As `cka`."""
    return of_pairs(x, y, "principal_angle", ids, confidence, progress)
