"""When the engine is as exact as PyTorch: by float64, and by what float32 can give.

A case is ill-conditioned where rounding alone moves its result beyond a bound: softmax
that is nearly one-hot, say, under an adapter of rank 1 with all of the scale. PyTorch's
own float32 error against float64 on the same case says by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import golden
import numpy as np

MULTIPLE = 2.0
"""Of PyTorch's float32 error, where that is what bounds a case."""

States = Mapping[str, np.ndarray]


def assert_error(
    error: float, theirs: Callable[[], float], bound: float, what: object = ""
) -> None:
    """An error against float64 within `bound`, or within twice PyTorch's in float32.

    Parameters
    ----------
    error
        The engine's.
    theirs
        Gives PyTorch's; called only where `bound` does not hold.
    bound
        What both promise where a case is well-conditioned.
    what
        Named in the message.
    """
    if error <= bound:
        return
    allowed = theirs()
    assert error <= MULTIPLE * allowed, (
        f"{what}: error {error:.1e} against float64, above {bound:.1e} and above "
        f"{MULTIPLE:g} times PyTorch's own in float32, {allowed:.1e}"
    )


def worst_error(found: States, exact: States) -> float:
    """The largest relative L2 error among arrays of the same names."""
    assert found.keys() == exact.keys()
    return max(
        golden.relative_error(np.asarray(found[name]), values)
        for name, values in exact.items()
    )


def largest_error(found: np.ndarray, exact: np.ndarray) -> float:
    """The largest difference, as a share of the largest value."""
    assert found.shape == exact.shape
    return float(np.abs(found - exact).max() / np.abs(exact).max())
