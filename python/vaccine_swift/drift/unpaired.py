"""Embedding sets compared by column and by projection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range
from vaccine_swift._plurals import counted, plural
from vaccine_swift.drift.rows import two_sets
from vaccine_swift.drift.watch import Progress, Watch
from vaccine_swift.statistics import benjamini_hochberg, holm

__all__ = ["FeatureTests", "ks", "sliced_wasserstein"]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
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

    def __repr__(self) -> str:
        """How many columns differ at the level 0.05, and the least p-value."""
        columns, differ = len(self.holm), int(self.rejected().sum())
        return (
            f"FeatureTests({counted(columns, 'column')}, {differ} "
            f"{plural(differ, 'differs', 'differ')} at level 0.05, least p-value by "
            f"Holm {self.holm.min():.4g})"
        )

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
    first, second = two_sets(x, y)
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
    progress: Progress = False,
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
    progress : bool or callable
        As of `ks`; the stage is "projections".

    Returns
    -------
    float
        ≥ 0, in the unit of the columns.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.
    KeyboardInterrupt
        Within a second.

    References
    ----------
    Bonneel et al. 2015, doi:10.1007/s10851-014-0506-3.
    """
    first, second = two_sets(x, y)
    check_range("projections", projections, minimum=1, maximum=2**20, integer=True)
    check_range("p", p, minimum=1, maximum=2, integer=True)
    check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
    powers = np.empty(projections)
    with Watch(progress) as watch:
        _core.drift_sliced_wasserstein(
            first, second, projections, p, seed, powers, watch.stage("projections")
        )
    return float(powers.mean() ** (1 / p))
