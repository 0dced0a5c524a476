"""Weights into safetensors files, sharded where they are many."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import ml_dtypes
import numpy as np
import numpy.typing as npt

from vaccine_swift.files import write_json, write_tensors

__all__ = ["DTYPES", "MAX_SHARD_BYTES", "WEIGHT_FILES", "write_weights"]

MAX_SHARD_BYTES: Final = 5_000_000_000
"""Largest size of one file, in bytes, as in transformers."""

WEIGHT_FILES: Final = "model*.safetensors*"
"""Pattern of all files that `write_weights` may write."""

_INDEX: Final = "model.safetensors.index.json"
DTYPES: Final[dict[str, npt.DTypeLike]] = {
    "float32": np.float32,
    "bfloat16": ml_dtypes.bfloat16,
    "float16": np.float16,
}
"""In which weights are written."""


def write_weights(
    directory: Path,
    shapes: Mapping[str, tuple[int, ...]],
    read: Callable[[str], npt.NDArray[np.float32]],
    *,
    dtype: str = "float32",
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> None:
    """Write ``model.safetensors``, or shards and their index.

    Parameters
    ----------
    directory : Path
        An existing directory.
    shapes : mapping of str to tuple of int
        Every tensor, in the order of the files.
    read : callable
        Gives one tensor, float32. One shard's tensors are held at a time.
    dtype : str
        One of `DTYPES`; values are rounded to the nearest.
    max_shard_bytes : int
        A file grows beyond this only for a single tensor.

    Raises
    ------
    ValueError
        When a weight is beyond the largest number of `dtype`; names it.
    """
    kind = np.dtype(DTYPES[dtype])
    shards: list[list[str]] = [[]]
    filled = total = 0
    for name, shape in shapes.items():
        size = kind.itemsize * math.prod(shape)
        if shards[-1] and filled + size > max_shard_bytes:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
        total += size
    weight_map: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = (
            f"model-{number:05d}-of-{len(shards):05d}.safetensors"
            if len(shards) > 1
            else "model.safetensors"
        )
        tensors = {name: _rounded(name, read(name), kind) for name in names}
        write_tensors(directory / file, tensors, {"format": "pt"})
        weight_map |= dict.fromkeys(names, file)
    if len(shards) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        write_json(directory / _INDEX, index)


def _rounded(
    name: str, values: npt.NDArray[np.float32], kind: np.dtype[Any]
) -> npt.NDArray[Any]:
    with np.errstate(over="ignore"):
        rounded = values.astype(kind, copy=False)
    if not np.isfinite(rounded.astype(np.float32, copy=False)).all():
        raise ValueError(f"dtype: {name} holds a value beyond the largest {kind.name}")
    return rounded
