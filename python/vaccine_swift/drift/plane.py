"""Two sets of rows on one plane: their two leading principal components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.drift.means import mean
from vaccine_swift.drift.rows import float64_rows

__all__ = ["common_map"]

_FITTED: Final = 1000
_DRAWN: Final = 250
_CELLS: Final = 20


def common_map(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    parts: Mapping[str, tuple[Any, Any]],
    seed: int,
) -> dict[str, Any] | None:
    """Points, densities and means of both sides in one basis.

    The basis is that of equally many rows of each side, at most 1000, drawn by `seed`;
    None where there is less than a plane.
    """
    if x.shape[1] < 2:
        return None
    rng = np.random.default_rng(seed)
    count = min(_FITTED, len(x), len(y))
    sides = [
        float64_rows(side[rng.choice(len(side), count, replace=False)])
        for side in (x, y)
    ]
    pooled = np.concatenate(sides)
    center = pooled.mean(0)
    _, scale, basis = np.linalg.svd(pooled - center, full_matrices=False)
    if len(scale) < 2 or not scale[1] > 0:
        return None
    axes = basis[:2].T
    # The sign of a component is arbitrary; its largest entry is made positive.
    axes *= np.sign(axes[np.abs(axes).argmax(0), [0, 1]])
    first, second = ((side - center) @ axes for side in sides)
    both = np.concatenate([first, second])
    edges = [np.linspace(low, high, _CELLS + 1) for low, high in _ends(both)]
    densities = [
        np.histogram2d(side[:, 0], side[:, 1], bins=edges)[0].T / count
        for side in (first, second)
    ]
    return {
        "shares": (scale[:2] ** 2 / (scale**2).sum()).tolist(),
        "reference": first[:_DRAWN].round(4).tolist(),
        "current": second[:_DRAWN].round(4).tolist(),
        "edges": [each.tolist() for each in edges],
        "densities": [each.round(5).tolist() for each in densities],
        "means": {
            name: [
                ((mean(side, mask) - center) @ axes).round(4).tolist()
                for side, mask in ((x, left), (y, right))
            ]
            for name, (left, right) in parts.items()
            if left.any() and right.any()
        },
    }


def _ends(points: npt.NDArray[np.float64]) -> Any:
    """Of each component, without the outermost rows."""
    low, high = np.quantile(points, [0.005, 0.995], axis=0)
    return zip(low.tolist(), np.maximum(high, low + 1e-9).tolist(), strict=True)
