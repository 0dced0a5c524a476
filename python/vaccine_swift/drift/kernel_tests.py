"""Two-sample tests of unpaired, grouped and paired embedding sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range
from vaccine_swift._plurals import counted
from vaccine_swift.drift.relabelling import SWAPS, relabelling_of
from vaccine_swift.drift.result import TestResult
from vaccine_swift.drift.rows import NOT_PAIRS, two_sets
from vaccine_swift.drift.sizes import byte_count
from vaccine_swift.drift.watch import Progress, Watch

__all__ = ["energy_distance", "mmd"]

_ROUNDING: Final = 1e-7
"""What rounding moves a statistic by, as a share of the kernel."""


def mmd(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    permutations: int = 999,
    bandwidth: str | float | Sequence[float] = "median",
    groups: Any = None,
    paired: bool = False,
    seed: int = 0,
    memory: str | int = "256MB",
    progress: Progress = False,
) -> TestResult:
    """Maximum mean discrepancy with a Gaussian kernel, and its permutation test.

    The unbiased estimate of MMD² over pairs i ≠ j, exact and signed: under the null it
    scatters around 0. The kernel matrix is made tile by tile and never stored; all
    permutations are columns of one product.

    Parameters
    ----------
    x, y : array [n, d] and [m, d]
        float16, bfloat16, float32 or float64; n, m ≥ 2.
    permutations : int
        B; 0: the statistic alone, `p_value` is None.
    bandwidth : "median", float or sequence of float
        σ in k = exp(-‖x - y‖² / 2σ²). "median": 2σ² is the median squared distance of
        at most 1000 pooled rows, drawn by `seed`; where that is 0, since most pairs are
        of equal rows, of at most 1000 that all differ. Of several, the mean of the
        kernels is tested.
    groups : (array [n], array [m]) or array [n + m], optional
        Group (prompt) of each row, of x and then of y. Groups are permuted as a whole,
        so that rows of one prompt, which are alike, do not count as evidence. Where
        every group has rows on both sides, these swap within groups.
    paired : bool
        Row i of x and row i of y are one unit: sides swap within pairs, and a pair's
        own kernel value is left out of the statistic.
    seed : int
        Of the permutations and the median's subsample.
    memory : str or int
        Bytes beside the pooled rows ("256MB", 2**28); less memory takes more sweeps
        and gives the same result.
    progress : bool or callable
        True: a bar on standard error where that is a terminal. A callable gets
        ``("permutations", share, 1.0)``, 20 times a second at most.

    Returns
    -------
    TestResult
        `effect_size` is MMD² over the mean kernel value within x and y: 0 for equal
        distributions, 1 for distributions without overlap at this bandwidth; NaN for
        pairs. Draws that only rounding keeps from the statistic are ties. ``details``:
        ``bandwidths``, ``values`` (MMD² of each), ``means``.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument. NaN and infinite elements
        are counted and the first is located. "median" is refused where all squared
        distances are 0.
    KeyboardInterrupt
        Within a second.

    References
    ----------
    Gretton et al. 2012, JMLR 13, Eq. 3; permutation p-values of Phipson & Smyth 2010.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(100, 4)), rng.normal(size=(100, 4)) + 1
    >>> mmd(x, y).p_value
    0.001
    """
    if isinstance(bandwidth, str):
        if bandwidth != "median":
            raise ValueError(
                f"bandwidth must be 'median' or positive numbers, got {bandwidth!r}"
            )
        bandwidths = np.zeros(1)
    else:
        bandwidths = np.atleast_1d(np.asarray(bandwidth, np.float64)).ravel()
        if (
            not bandwidths.size
            or not (np.isfinite(bandwidths) & (bandwidths > 0)).all()
        ):
            raise ValueError(
                f"bandwidth must be 'median' or positive numbers, got {bandwidth!r}"
            )

    statistics, means, used = _permuted(
        x,
        y,
        bandwidths,
        permutations,
        groups,
        seed,
        memory,
        paired=paired,
        unbiased=True,
        progress=progress,
    )
    mean = statistics.mean(0)
    within = means[:, :2].mean()
    return TestResult.of(
        mean[0],
        mean[1:],
        effect_size=mean[0] / within,
        rounding=_ROUNDING * (1.0 if paired else within),
        bandwidths=used.tolist(),
        values=statistics[:, 0].tolist(),
        means=dict(zip(("x", "y", "between"), means.mean(0).tolist(), strict=True)),
    )


def energy_distance(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    permutations: int = 999,
    groups: Any = None,
    seed: int = 0,
    memory: str | int = "256MB",
    progress: Progress = False,
) -> TestResult:
    """Energy distance 2 E‖x - y‖ - E‖x - x'‖ - E‖y - y'‖ and its permutation test.

    Means are over all pairs, a row with itself included (the V-statistic, ≥ 0).

    Parameters
    ----------
    x, y, permutations, groups, seed, memory, progress
        As of `mmd`.

    Returns
    -------
    TestResult
        `effect_size` is the energy coefficient, the distance over 2 E‖x - y‖, in
        [0, 1].

    Raises
    ------
    TypeError, ValueError, KeyboardInterrupt
        As `mmd`.

    References
    ----------
    Székely & Rizzo 2013, Journal of Statistical Planning and Inference 143.
    """
    statistics, means, _ = _permuted(
        x,
        y,
        np.zeros(0),
        permutations,
        groups,
        seed,
        memory,
        paired=False,
        unbiased=False,
        progress=progress,
    )
    between = -means[0, 2]
    return TestResult.of(
        statistics[0, 0],
        statistics[0, 1:],
        effect_size=statistics[0, 0] / (2 * between) if between > 0 else 0.0,
        rounding=_ROUNDING * abs(between),
    )


def _permuted(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    bandwidths: npt.NDArray[np.float64],
    permutations: int,
    groups: Any,
    seed: int,
    memory: str | int,
    *,
    paired: bool,
    unbiased: bool,
    progress: Progress,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    first, second = two_sets(x, y, fewest=2)
    check_range("permutations", permutations, minimum=0, maximum=2**20, integer=True)
    check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
    if paired and len(first) != len(second):
        raise ValueError(
            f"y must have the {counted(len(first), 'row')} of x where they are paired, "
            f"got {len(second)}; {NOT_PAIRS}"
        )
    if paired and groups is not None:
        raise ValueError("groups must be None where rows are paired: a pair is a group")
    kind, numbers = relabelling_of(groups, len(first), len(second))
    if paired:
        kind, numbers = SWAPS, np.tile(np.arange(len(first)), 2)
    kernels = max(1, len(bandwidths))
    statistics = np.empty((kernels, permutations + 1))
    means = np.empty((kernels, 3))
    used = np.empty(len(bandwidths))
    with Watch(progress) as watch:
        _core.drift_two_sample(
            first,
            second,
            numbers,
            kind,
            bandwidths,
            permutations,
            unbiased,
            bool(paired),
            seed,
            byte_count(memory),
            statistics,
            means,
            used,
            watch.stage("permutations"),
        )
    return statistics, means, used
