"""The Swift core's random numbers: functions of a key and a counter.

Each word is the SplitMix64 finaliser of key + counter · golden ratio (Steele, Lea,
Flood 2014, doi:10.1145/2660193.2660195).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["stream_key", "uniforms"]

_GOLDEN: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
_START: Final = np.uint64(0x5DEE_CE66_D1CE_4E5B)
_FACTORS: Final = (np.uint64(0xBF58_476D_1CE4_E5B9), np.uint64(0x94D0_49BB_1331_11EB))
_MASK: Final = 2**64 - 1


def stream_key(*coordinates: int) -> np.uint64:
    """The key of the stream of these coordinates, such as (seed, step, pass)."""
    key = np.array(_START)
    with np.errstate(over="ignore"):
        for coordinate in coordinates:
            key = _mixed(
                key ^ _mixed(np.array(np.uint64(coordinate & _MASK)) + _GOLDEN)
            )
    return np.uint64(key)


def uniforms(key: np.uint64, first: int, count: int) -> npt.NDArray[np.float64]:
    """Numbers `first` … of a stream, uniform on [0, 1), float64 [count]."""
    counters = np.arange(first, first + count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        words = _mixed(key + counters * _GOLDEN)
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * _FACTORS[0]
    z = (z ^ (z >> np.uint64(27))) * _FACTORS[1]
    return z ^ (z >> np.uint64(31))
