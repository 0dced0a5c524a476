"""A Hugging Face directory: its files, and its weights in one file or in shards."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.checkpoints.json_files import read_json
from vaccine_swift.checkpoints.safetensors import SafetensorsFile
from vaccine_swift.checkpoints.tensors import TensorSource
from vaccine_swift.checkpoints.torch_file import TorchFile

__all__ = ["CONFIG_FILE", "GENERATION_FILE", "WeightsDirectory"]

CONFIG_FILE: Final = "config.json"
"""What describes the model."""
GENERATION_FILE: Final = "generation_config.json"
"""What describes how it generates, if there is one."""

_LONGEST_NAME: Final = 255
"""Bytes of a file's name on Linux."""

_READERS: Final[dict[str, Callable[[Path], TensorSource]]] = {
    "model.safetensors": SafetensorsFile,
    "pytorch_model.bin": TorchFile,
}


class WeightsDirectory:
    """The tensors of ``model.safetensors`` or ``pytorch_model.bin``, or of its shards.

    Shards are those that ``….index.json`` lists. Safetensors come first where there
    are both.

    Parameters
    ----------
    directory : Path
        The directory.

    Raises
    ------
    FileNotFoundError
        When the weights, or one of the shards, are not there.
    ValueError
        When a file is corrupt, asks for anything but tensors, or the index does not
        agree with the shards.
    """

    def __init__(self, directory: Path) -> None:
        self.name = str(directory)
        self._files = _files(directory)
        self.shapes: Mapping[str, tuple[int, ...]] = {
            name: file.shapes[name] for name, file in self._files.items()
        }
        self.unreadable: Mapping[str, str] = {
            name: file.unreadable[name]
            for name, file in self._files.items()
            if name in file.unreadable
        }

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """One tensor as float32."""
        return self._files[name].read(name)


def _files(directory: Path) -> dict[str, TensorSource]:
    """The file of every tensor."""
    for name, reader in _READERS.items():
        single, index = directory / name, directory / f"{name}.index.json"
        if single.is_file():
            file = reader(single)
            return dict.fromkeys(file.shapes, file)
        if index.is_file():
            return _read_shards(index, reader)
    known = " or ".join(_READERS)
    raise FileNotFoundError(f"{directory}: no {known}")


def _read_shards(
    index: Path, reader: Callable[[Path], TensorSource]
) -> dict[str, TensorSource]:
    """The shard of every tensor; one that the index does not list is used as well."""
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError(f"{index}: weight_map must map tensor names to file names")
    if not all(isinstance(shard, str) for shard in weight_map.values()):
        raise ValueError(f"{index}: weight_map must hold strings")
    shards: dict[str, TensorSource] = {}
    for shard in sorted(set(weight_map.values())):
        if Path(shard).name != shard or len(os.fsencode(shard)) > _LONGEST_NAME:
            raise ValueError(
                f"{index}: {shard!r:.60} must be the name of a file beside it"
            )
        shards[shard] = reader(index.parent / shard)
    for name, shard in weight_map.items():
        if name not in shards[shard].shapes:
            raise ValueError(f"{index}: {name} is not in {shard}")
    found = {name: file for file in shards.values() for name in file.shapes}
    return found | {name: shards[shard] for name, shard in weight_map.items()}
