"""The settings of an accumulator, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy.typing as npt

from vaccine_swift._arguments import check_range, check_word
from vaccine_swift.drift.directions import orthonormal_sets
from vaccine_swift.drift.state import State

__all__ = ["Tier", "new_state"]

Tier = Literal["light", "sketch", "full"]
_TIERS: Final = ("light", "sketch", "full")


def new_state(
    width: int,
    layers: int,
    tier: Tier,
    *,
    seed: int,
    directions: int,
    sketch: int,
    folds: int,
    energy: Mapping[str, npt.ArrayLike],
) -> State:
    """A state of nothing; arguments of `Accumulator`.

    Raises
    ------
    TypeError, ValueError
        For an argument out of its range; names it.
    """
    most = 2**15
    check_range("width", width, minimum=1, maximum=most, integer=True)
    check_range("layers", layers, minimum=1, maximum=most, integer=True)
    check_word("tier", tier, _TIERS)
    check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
    check_range("directions", directions, minimum=8, maximum=most, integer=True)
    if directions % 8:
        raise ValueError(f"directions must be a multiple of 8, got {directions}")
    check_range("sketch", sketch, minimum=1, maximum=most, integer=True)
    check_range("folds", folds, minimum=2, maximum=1000, integer=True)
    if energy and tier != "full":
        raise ValueError(f"energy needs the tier 'full', got tier {tier!r}")
    return State(
        width=int(width),
        layers=int(layers),
        tier=tier,
        seed=int(seed),
        directions=int(directions),
        sketch=int(sketch),
        folds=int(folds),
        energy=orthonormal_sets(energy, int(width)),
    )
