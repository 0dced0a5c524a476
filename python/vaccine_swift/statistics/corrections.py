"""P-values corrected for the number of tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["benjamini_hochberg", "holm"]


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """P-values that bound the chance of any false rejection.

    References
    ----------
    Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.maximum.accumulate(steps).clip(max=1)
    return adjusted


def benjamini_hochberg(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """P-values that bound the share of false rejections.

    References
    ----------
    Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * len(values) / np.arange(1, len(values) + 1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum.accumulate(steps[::-1])[::-1].clip(max=1)
    return adjusted
