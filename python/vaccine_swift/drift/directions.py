"""Named directions in which drift energy is asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from vaccine_swift.drift.vectors import plain_array

__all__ = ["orthonormal_sets"]


def orthonormal_sets(
    directions: Mapping[str, npt.ArrayLike], width: int
) -> dict[str, npt.NDArray[np.float64]]:
    """Each set of directions as orthonormal rows [k, d] that span the same.

    Raises
    ------
    ValueError
        When a set is not [d] or [k, d], not finite, or its rows depend on each other.
    """
    sets: dict[str, npt.NDArray[np.float64]] = {}
    for name, value in directions.items():
        rows = np.atleast_2d(
            np.asarray(plain_array(value, f"energy[{name!r}]"), np.float64)
        )
        if rows.ndim != 2 or rows.shape[1] != width or len(rows) > width:
            raise ValueError(
                f"energy[{name!r}] must be [{width}] or [k, {width}], "
                f"got shape {list(np.shape(value))}"
            )
        if not np.isfinite(rows).all():
            raise ValueError(f"energy[{name!r}] must be finite")
        basis, triangle = np.linalg.qr(rows.T)
        scale = np.abs(np.diag(triangle))
        if not scale.min() > 1e-10 * scale.max():
            raise ValueError(f"energy[{name!r}] must hold independent directions")
        sets[str(name)] = np.ascontiguousarray(basis.T)
    return sets
