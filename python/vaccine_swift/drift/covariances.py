"""How large a set's covariance is, and how far two sets' Gaussians are apart."""

from __future__ import annotations

from collections.abc import Iterable

import numpy.typing as npt

from vaccine_swift._arguments import check_range
from vaccine_swift.drift.result import Similarity
from vaccine_swift.drift.rows import rows, two_sets
from vaccine_swift.drift.second_moments import of_pairs, of_sets
from vaccine_swift.drift.watch import Progress, Watch

__all__ = ["effective_rank", "frechet_distance", "participation_ratio"]


def frechet_distance(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    ids: Iterable[str | int] | None = None,
    confidence: float = 0.95,
    progress: Progress = False,
) -> Similarity:
    """The Fréchet distance of the Gaussians with the sets' means and covariances.

    |mx - my|² + tr(Cx + Cy - 2 (Cx^½ Cy Cx^½)^½) ≥ 0, a squared distance. It is
    biased upwards by about d² / (2 n) of the variance: compare with two halves of one
    set.

    Parameters
    ----------
    x, y : array [n, d] and [m, d]
        n, m ≥ 2; with `ids` the rows of the same prompts, n = m.
    ids, confidence, progress
        As of `cka`.

    Returns
    -------
    Similarity

    Raises
    ------
    TypeError, ValueError, MemoryError
        As `cka`.

    References
    ----------
    Dowson & Landau 1982, Journal of Multivariate Analysis 12.
    """
    if ids is not None:
        first, second = rows(x, "x"), rows(y, "y")
        return of_pairs(first, second, "frechet", ids, confidence, progress)
    first, second = two_sets(x, y, fewest=2)
    check_range("confidence", confidence, above=0.0, below=1.0)
    with Watch(progress) as watch:
        return of_sets(first, second, "frechet", watch)


def effective_rank(x: npt.ArrayLike, *, progress: Progress = False) -> Similarity:
    """Exp of the entropy of the covariance's spectrum, in [1, d]; Roy & Vetterli 2007.

    Parameters
    ----------
    x : array [n, d]
    progress : bool or callable
        As of `cka`.

    Raises
    ------
    TypeError, ValueError
        For what is no finite array [n, d].
    MemoryError
        As `cka`.
    """
    with Watch(progress) as watch:
        return of_sets(rows(x, "x"), None, "effective_rank_reference", watch)


def participation_ratio(x: npt.ArrayLike, *, progress: Progress = False) -> Similarity:
    """(tr S)² / ‖S‖² of the covariance S, in [1, d]. As `effective_rank`."""
    with Watch(progress) as watch:
        return of_sets(rows(x, "x"), None, "participation_ratio_reference", watch)
