"""PyTorch checkpoints (``pytorch_model.bin``), read without PyTorch and without risk.

The format, since PyTorch 1.6, is a zip archive without compression: a pickle
(``data.pkl``) that describes the tensors, and one record for every storage. Values are
views of a memory map.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._plurals import counted
from vaccine_swift.checkpoints.torch_pickle import Stored, read_pickle

__all__ = ["TorchFile"]

_DTYPES: Final = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_SIZES: Final = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
_LOCAL_HEADER: Final = 30
_MAX_PICKLE: Final = 2**28
# The magic number that opens files of PyTorch before 1.6, as their first pickle has it.
_OLD_FORMAT: Final = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


class TorchFile:
    """One file of ``torch.save`` that holds a state dict.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file is truncated, corrupt or in the format from before PyTorch 1.6,
        or its pickle asks for anything but tensors; names the file and what it asks
        for. Nothing that it asks for is executed.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        try:
            self._open(path)
        except (ValueError, zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise ValueError(f"{path}: {error}") from error

    def _open(self, path: Path) -> None:
        with path.open("rb") as file:
            if file.read(len(_OLD_FORMAT)) == _OLD_FORMAT:
                raise ValueError(
                    "is in the format from before PyTorch 1.6; write it anew with "
                    "torch.save(torch.load(path, weights_only=True), path)"
                )
        if not zipfile.is_zipfile(path):
            raise ValueError("truncated or corrupt: is no archive of PyTorch")
        self._bytes = np.asarray(_core.MappedFile(path))
        with zipfile.ZipFile(path) as archive:
            records = {entry.filename: entry for entry in archive.infolist()}
            pickles = [name for name in records if name.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise ValueError("truncated or corrupt: must hold one data.pkl")
            self._folder = pickles[0].removesuffix("data.pkl")
            self._records = records
            order = self._content(f"{self._folder}byteorder", b"little")
            if order != b"little":
                raise ValueError("must be little-endian, got a big-endian file")
            state = read_pickle(self._content(pickles[0]))
        if not isinstance(state, dict):
            raise ValueError(f"must hold a dict of tensors, got {type(state).__name__}")
        self._tensors = {
            name: value
            for name, value in state.items()
            if isinstance(name, str) and isinstance(value, Stored)
        }
        if not self._tensors:
            raise ValueError("must hold a dict of tensors, got none")
        for name, tensor in self._tensors.items():
            self._check(name, tensor)
        self.shapes: Mapping[str, tuple[int, ...]] = {
            name: tensor.shape for name, tensor in self._tensors.items()
        }
        self.unreadable: Mapping[str, str] = {
            name: tensor.storage.dtype
            for name, tensor in self._tensors.items()
            if tensor.storage.dtype not in _DTYPES
        }

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """One tensor as float32; a float32 tensor may be a view of the file."""
        tensor = self._tensors[name]
        dtype = np.dtype(_DTYPES[tensor.storage.dtype])
        begin, end = self._place(self._record(tensor))
        raw = self._bytes[begin:end]
        if begin % dtype.itemsize:
            raw = raw.copy()
        values = np.lib.stride_tricks.as_strided(
            raw.view(dtype)[tensor.offset :],
            tensor.shape,
            [dtype.itemsize * stride for stride in tensor.strides],
            writeable=False,
        )
        if tensor.storage.dtype == "BF16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        values = np.ascontiguousarray(values, dtype=np.float32)
        _core.check_mapped(self._bytes)
        return values

    def _record(self, tensor: Stored) -> str:
        return f"{self._folder}data/{tensor.storage.key}"

    def _check(self, name: str, tensor: Stored) -> None:
        """Refuse a storage that is not in the archive, or smaller than it claims."""
        record = self._record(tensor)
        if record not in self._records:
            raise ValueError(f"truncated or corrupt: no record {record} for {name}")
        begin, end = self._place(record)
        size = tensor.storage.count * _SIZES.get(tensor.storage.dtype, 1)
        if end - begin != size:
            raise ValueError(
                f"truncated or corrupt: {name} claims {counted(size, 'byte')}, but "
                f"{record} has {end - begin}"
            )

    def _content(self, record: str, default: bytes | None = None) -> bytes:
        if record not in self._records and default is not None:
            return default
        begin, end = self._place(record)
        if end - begin > _MAX_PICKLE:
            raise ValueError(f"{record} is too large for a description of tensors")
        return self._bytes[begin:end].tobytes()

    def _place(self, record: str) -> tuple[int, int]:
        """Where a record's bytes begin and end in the file."""
        entry = self._records[record]
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise ValueError(f"{record} must be stored without compression")
        begin = entry.header_offset + _LOCAL_HEADER
        header = self._bytes[entry.header_offset : begin].tobytes()
        _core.check_mapped(self._bytes)
        if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
            raise ValueError(f"truncated or corrupt: no header of {record}")
        begin += int.from_bytes(header[26:28], "little")
        begin += int.from_bytes(header[28:30], "little")
        end = begin + entry.file_size
        if end > self._bytes.size:
            raise ValueError(f"truncated or corrupt: {record} ends beyond the file")
        return begin, end
