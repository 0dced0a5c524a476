"""Weights into safetensors files, sharded where they are many."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

__all__ = ["MAX_SHARD_BYTES", "remove_other_weights", "write_weights"]

MAX_SHARD_BYTES: Final = 5_000_000_000
"""Largest size of one file, in bytes, as in transformers."""

_INDEX: Final = "model.safetensors.index.json"
_ITEM: Final = 4


def write_weights(
    directory: Path,
    shapes: Mapping[str, tuple[int, ...]],
    read: Callable[[str], npt.NDArray[np.float32]],
    *,
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
    max_shard_bytes : int
        A file grows beyond this only for a single tensor.
    """
    shards: list[list[str]] = [[]]
    filled = total = 0
    for name, shape in shapes.items():
        size = _ITEM * math.prod(shape)
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
        tensors = {name: read(name) for name in names}
        save_file(tensors, directory / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(names, file)
    if len(shards) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        text = json.dumps(index, indent=2) + "\n"
        (directory / _INDEX).write_text(text, encoding="utf-8")


def remove_other_weights(directory: Path, kept: frozenset[str]) -> None:
    """Delete the weight files of an earlier save that are not among `kept`."""
    for path in directory.glob("model*.safetensors*"):
        if path.name not in kept:
            path.unlink(missing_ok=True)
