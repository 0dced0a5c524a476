"""How often each unit is drawn in every draw of a bootstrap."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

__all__ = ["unit_weights"]


@functools.lru_cache(maxsize=16)
def unit_weights(
    count: int, draws: int, seed: int, stream: int
) -> npt.NDArray[np.float64]:
    """Draws with replacement of one unit fewer than there are.

    For the mean of n units this makes the variance of the draws s²/n with the unbiased
    s², which matters when n is a handful.

    Parameters
    ----------
    count : int
        Units, n, at least 1; one alone is always drawn.
    draws : int
        B, at least 1.
    seed, stream : int
        At least 0. Equal ones give equal draws, different streams independent ones.

    Returns
    -------
    array, float64 [B, n]
        Rows add up to max(n - 1, 1). Read-only, since calls share it.

    References
    ----------
    Rao, Wu, J. Am. Stat. Assoc. 83, 1988, 231-241.
    """
    if count == 1:
        drawn = np.ones((draws, 1))
    else:
        generator = np.random.default_rng((seed, stream))
        shares = np.full(count, 1 / count)
        drawn = generator.multinomial(count - 1, shares, draws).astype(np.float64)
    drawn.flags.writeable = False
    return drawn
