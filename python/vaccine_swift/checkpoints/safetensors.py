"""Safetensors files, single or sharded, read one tensor at a time from a memory map.

The format is eight bytes of header length (little endian), a JSON header, the data.
The ``safetensors`` library checks a file; the values are views of the map, because its
numpy interface does not know bfloat16.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import safetensors

from vaccine_swift.checkpoints.json_files import read_json

__all__ = ["SafetensorsDirectory", "SafetensorsFile"]

_DTYPES: Final = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_PICKLES: Final = ("pytorch_model.bin", "pytorch_model.bin.index.json")


class _Entry(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class SafetensorsFile:
    """One ``.safetensors`` file.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file is truncated or corrupt; names the file.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        try:
            with safetensors.safe_open(path, framework="numpy"):
                pass
        except safetensors.SafetensorError as error:
            raise ValueError(f"{path}: truncated or corrupt: {error}") from error
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        self._entries = {
            name: _Entry(
                fields["dtype"], tuple(fields["shape"]), *fields["data_offsets"]
            )
            for name, fields in header.items()
        }
        self.shapes: Mapping[str, tuple[int, ...]] = {
            name: entry.shape for name, entry in self._entries.items()
        }
        self._start = 8 + length
        self._bytes: npt.NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
        self.unreadable: Mapping[str, str] = {
            name: entry.dtype
            for name, entry in self._entries.items()
            if entry.dtype not in _DTYPES
        }

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """One tensor as float32; a float32 tensor is a view of the file."""
        entry = self._entries[name]
        raw = self._bytes[self._start + entry.begin : self._start + entry.end]
        if (self._start + entry.begin) % 4:
            raw = raw.copy()
        values = raw.view(_DTYPES[entry.dtype]).reshape(entry.shape)
        if entry.dtype == "BF16":
            return (values.astype(np.uint32) << 16).view(np.float32)
        return values.astype(np.float32, copy=False)


class SafetensorsDirectory:
    """The weights of a Hugging Face directory.

    ``model.safetensors``, or the shards that ``model.safetensors.index.json`` lists.

    Parameters
    ----------
    directory : Path
        The directory.

    Raises
    ------
    FileNotFoundError
        When the weights, or one of the shards, are not there.
    ValueError
        When a file is corrupt or the index does not agree with the shards.
    """

    def __init__(self, directory: Path) -> None:
        self.name = str(directory)
        single = directory / "model.safetensors"
        index = directory / "model.safetensors.index.json"
        if single.is_file():
            file = SafetensorsFile(single)
            self._files = dict.fromkeys(file.shapes, file)
        elif index.is_file():
            self._files = _read_shards(index)
        else:
            pickles = [name for name in _PICKLES if (directory / name).exists()]
            remedy = f"; convert {pickles[0]} to safetensors first" if pickles else ""
            raise FileNotFoundError(f"{directory}: no model.safetensors{remedy}")
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


def _read_shards(index: Path) -> dict[str, SafetensorsFile]:
    """The shard of every tensor; one that the index does not list is used as well."""
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError(f"{index}: weight_map must map tensor names to file names")
    if not all(isinstance(shard, str) for shard in weight_map.values()):
        raise ValueError(f"{index}: weight_map must hold strings")
    shards = {}
    for shard in sorted(set(weight_map.values())):
        if Path(shard).name != shard:
            raise ValueError(f"{index}: {shard!r} must be the name of a file beside it")
        shards[shard] = SafetensorsFile(index.parent / shard)
    for name, shard in weight_map.items():
        if name not in shards[shard].shapes:
            raise ValueError(f"{index}: {name} is not in {shard}")
    found = {name: file for file in shards.values() for name in file.shapes}
    return found | {name: shards[shard] for name, shard in weight_map.items()}
