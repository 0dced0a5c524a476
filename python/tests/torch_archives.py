"""Writes PyTorch's checkpoint format by hand, honest files and lying ones."""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage"}


@dataclass(frozen=True)
class Name:
    """A global."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """What a pickle would call."""

    function: Any
    arguments: Any


@dataclass(frozen=True)
class Persistent:
    """A reference to a record of the archive."""

    reference: Any


def assembled(value: Any) -> bytes:
    """A pickle of protocol 2 that makes `value`."""
    return b"\x80\x02" + _ops(value) + b"."


def _ops(value: Any) -> bytes:
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if value is None:
        return b"N"
    if isinstance(value, int):
        digits = value.to_bytes(9, "little", signed=True)
        return b"\x8a\x09" + digits
    if isinstance(value, str):
        text = value.encode()
        return b"X" + struct.pack("<I", len(text)) + text
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_ops, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(_ops, value)) + b"e"
    if isinstance(value, dict):
        items = b"".join(_ops(key) + _ops(item) for key, item in value.items())
        return b"}(" + items + b"u"
    if isinstance(value, Name):
        return f"c{value.module}\n{value.name}\n".encode()
    if isinstance(value, Call):
        return _ops(value.function) + _ops(value.arguments) + b"R"
    assert isinstance(value, Persistent)
    return _ops(value.reference) + b"Q"


def storage(key: str, kind: str, count: Any) -> Persistent:
    """The reference to a storage of `count` numbers."""
    return Persistent(("storage", Name("torch", kind), key, "cpu", count))


def tensor(where: Any, offset: Any, shape: Any, strides: Any) -> Call:
    """The call that rebuilds a tensor from a storage."""
    hooks = Call(Name("collections", "OrderedDict"), ())
    rebuild = Name("torch._utils", "_rebuild_tensor_v2")
    return Call(rebuild, (where, offset, shape, strides, False, hooks))


def plain(values: np.ndarray, key: str, kind: str | None = None) -> Call:
    """A tensor that has its storage for itself."""
    strides = tuple(stride // values.itemsize for stride in values.strides)
    kind = kind or STORAGES[values.dtype.name]
    return tensor(storage(key, kind, values.size), 0, values.shape, strides)


def archive(
    path: Path,
    pickle: bytes,
    records: dict[str, bytes],
    *,
    compression: int = zipfile.ZIP_STORED,
    byteorder: bytes = b"little",
) -> Path:
    """A file of ``torch.save`` with this pickle and these storages."""
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("model/data.pkl", pickle)
        file.writestr("model/byteorder", byteorder)
        for key, content in records.items():
            file.writestr(f"model/data/{key}", content)
        file.writestr("model/version", b"3\n")
    return path


def write(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    """A state dict, one storage for each tensor."""
    keys = {name: str(index) for index, name in enumerate(tensors)}
    state = {name: plain(values, keys[name]) for name, values in tensors.items()}
    records = {keys[name]: values.tobytes() for name, values in tensors.items()}
    return archive(path, assembled(state), records)
