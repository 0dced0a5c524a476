"""Which tokens of a packed batch stand for its sequences."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_word
from vaccine_swift.batches import IGNORED_LABEL, Batch

__all__ = ["POOLS", "check_pool", "pooled_rows", "pooled_sequences"]

POOLS: Final = ("tokens", "last", "mean", "response")
"""Every token; the last token; the mean of all tokens; the supervised tokens."""

_Integers = npt.NDArray[np.int64]


def check_pool(pool: str) -> None:
    """Refuse what is not one of `POOLS`.

    Raises
    ------
    ValueError
        Names the nearest.
    """
    check_word("pool", pool, POOLS, quoted=True)


def pooled_rows(batch: Batch, pool: str) -> tuple[_Integers, _Integers]:
    """The rows of the batch that are taken, and the bounds of what is averaged.

    Returns
    -------
    rows, bounds : int64 arrays, shapes [S] and [R + 1]
        Result row ``i`` is the mean of the batch's rows ``rows[bounds[i]:bounds[i +
        1]]``.

    Raises
    ------
    ValueError
        When `pool` is unknown, or is "response" and nothing is supervised.
    """
    check_pool(pool)
    offsets = batch.offsets.astype(np.int64)
    if pool == "mean":
        return np.arange(batch.tokens), offsets
    if pool == "last":
        rows = offsets[1:] - 1
    elif pool == "response":
        rows = np.flatnonzero(batch.labels != IGNORED_LABEL)
        if rows.size == 0:
            raise ValueError('pool="response" needs a supervised token, batch has none')
    else:
        rows = np.arange(batch.tokens)
    return rows, np.arange(rows.size + 1)


def pooled_sequences(batch: Batch, pool: str) -> _Integers:
    """The sequence of the batch that each pooled row belongs to, shape [R]."""
    rows, bounds = pooled_rows(batch, pool)
    return np.searchsorted(batch.offsets, rows[bounds[:-1]], side="right") - 1
