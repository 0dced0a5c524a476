"""How cosine and relative drift are spread over the prompts, as histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vaccine_swift.drift.prompts import Prompts

__all__ = ["distributions"]

_BINS: Final = 40


def distributions(prompts: Prompts, width: int) -> dict[str, Any]:
    """Counts and edges of the prompts' mean cosine and relative drift.

    Over all rows and layers of a prompt; prompts without a finite value are left out.
    """
    return {
        name: _histogram(prompts.values(name, width)[:, -1])
        for name in ("cosine", "relative_drift")
    }


def _histogram(values: npt.NDArray[np.float64]) -> dict[str, Any]:
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    if not high - low > 1e-12 * max(abs(low), abs(high)):
        half = 0.005 * abs(low) or 0.005
        edges = np.array([low - half, low + half])
        return {"counts": [int(finite.size)], "edges": edges.tolist()}
    counts, edges = np.histogram(finite, _BINS, (low, high))
    return {"counts": counts.tolist(), "edges": edges.tolist()}
