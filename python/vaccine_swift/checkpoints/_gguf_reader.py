"""The ``gguf`` package's reader, made safe for files that end early or lie."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift.checkpoints.gguf_metadata import read_field

__all__ = ["open_gguf"]


class _BoundedReader(gguf.GGUFReader):
    """Refuses to read past the end of the file, and reads number arrays at once.

    The base class returns short slices there, and walks an array of any claimed length
    element by element. The vocabulary makes this most of a small file's loading time.
    Maps the file so that it may be cut short meanwhile.
    """

    def __init__(self, path: Path) -> None:
        # Without numpy's memmap class, which makes every slice slow.
        self._plain: npt.NDArray[np.uint8] = np.asarray(_core.MappedFile(path))
        super().__init__(path)

    @property
    def data(self) -> np.memmap[Any, np.dtype[np.uint8]]:
        """The file; what the base class maps itself is let go."""
        return self._plain.view(np.memmap)

    @data.setter
    def data(self, mapped: np.memmap[Any, np.dtype[np.uint8]]) -> None:
        pass

    def _get(
        self,
        offset: int,
        dtype: npt.DTypeLike,
        count: int = 1,
        override_order: Any = None,
    ) -> npt.NDArray[Any]:
        size = np.dtype(dtype).itemsize * int(count)
        if offset + size > self._plain.size:
            raise ValueError(
                f"ends at byte {self._plain.size}, before byte {offset + size}"
            )
        order = self.byte_order if override_order is None else override_order
        values = self._plain[offset : offset + size].view(dtype)
        if order in ("I", "<") and sys.byteorder == "little":
            return values
        return values.view(values.dtype.newbyteorder(order))

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> Any:
        if raw_type != gguf.GGUFValueType.ARRAY:
            return super()._get_field_parts(orig_offs, raw_type)
        kind = gguf.GGUFValueType(self._get(orig_offs, np.uint32)[0])
        length = self._get(orig_offs + 4, np.uint64)
        begin = orig_offs + 12
        if kind == gguf.GGUFValueType.STRING:
            values = self._strings(begin, int(length[0]))
            size = 12 + sum(8 + value.size for value in values)
        elif dtype := self.gguf_scalar_to_np.get(kind):
            values = [self._get(begin, dtype, int(length[0]))]
            size = 12 + values[0].nbytes
        else:
            raise ValueError(f"arrays of {kind.name} are not implemented")
        parts = [length, *values]
        types = [gguf.GGUFValueType.ARRAY, kind]
        return size, parts, list(range(1, len(parts))), types

    def _strings(self, offset: int, count: int) -> list[npt.NDArray[Any]]:
        """The bytes of `count` strings, each with its length before it."""
        plain = self._plain
        order: Literal["little", "big"] = "little" if self.byte_order == "I" else "big"
        memory = plain.data
        strings = []
        for _ in range(count):
            begin = offset + 8
            offset = begin + int.from_bytes(memory[offset:begin], order)
            if offset > plain.size or begin > plain.size:
                raise ValueError(f"ends at byte {plain.size}, inside of a string")
            strings.append(plain[begin:offset])
        return strings


def open_gguf(path: Path) -> tuple[dict[str, Any], list[gguf.ReaderTensor]]:
    """The metadata of a GGUF file, and its tensors as views of a memory map.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is truncated, corrupt, one part of several, or written for machines of
        the other byte order; names the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        reader = _BoundedReader(path)
        metadata = {
            key: field.contents()
            for key, field in reader.fields.items()
            if not key.startswith("GGUF.")
        }
    except (
        ArithmeticError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(f"{path}: truncated or corrupt GGUF: {error}") from error
    if (reader.byte_order == "S") == (sys.byteorder == "little"):
        raise ValueError(f"{path}: must be little-endian, got a big-endian GGUF")
    try:
        parts = read_field(metadata, "split.count", "integer", 0)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if parts > 1:
        raise ValueError(
            f"{path}: is one of {parts} parts; merge them with "
            "llama.cpp's gguf-split --merge first"
        )
    _core.check_mapped(reader.data)
    return metadata, reader.tensors
