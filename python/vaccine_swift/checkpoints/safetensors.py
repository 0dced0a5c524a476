"""Safetensors files, read one tensor at a time from a memory map.

The format is eight bytes of header length (little endian), a JSON header, the data.
The ``safetensors`` library checks a file; the values are views of the map, because its
numpy interface does not know bfloat16.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import safetensors

from vaccine_swift import _core

__all__ = ["SafetensorsFile"]

_DTYPES: Final = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


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
        self._bytes = np.asarray(_core.MappedFile(path))
        self.unreadable: Mapping[str, str] = {
            name: entry.dtype
            for name, entry in self._entries.items()
            if entry.dtype not in _DTYPES
        }

    def plain(self, name: str) -> npt.NDArray[Any]:
        """One tensor in a dtype of numpy's own, as it is: BOOL, F64, I8 to U64."""
        entry = self._entries[name]
        kind = "?" if entry.dtype == "BOOL" else _plain_dtype(entry.dtype)
        raw = self._bytes[self._start + entry.begin : self._start + entry.end].copy()
        _core.check_mapped(self._bytes)
        return raw.view(kind).reshape(entry.shape)

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """One tensor as float32; a float32 tensor is a view of the file."""
        entry = self._entries[name]
        raw = self._bytes[self._start + entry.begin : self._start + entry.end]
        if (self._start + entry.begin) % 4:
            raw = raw.copy()
        values = raw.view(_DTYPES[entry.dtype]).reshape(entry.shape)
        if entry.dtype == "BF16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        values = values.astype(np.float32, copy=False)
        _core.check_mapped(self._bytes)
        return values


def _plain_dtype(name: str) -> str:
    """Numpy's word for F64, I8 and the like."""
    return f"<{name[0].lower()}{int(name[1:]) // 8}"
