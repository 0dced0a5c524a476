"""Arrays out of npy and npz files, whatever their bytes are."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from vaccine_swift import _core

__all__ = ["map_npy", "read_npz"]

_PIECE = 1 << 20
_SUFFIX = ".npy"
_WIDEST = 8
"""Bytes of the longest number that anything here computes with."""


def map_npy(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """The array of an npy file, mapped.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it holds no array of plain numbers, or less than it says; names it.
    """
    with _naming(path, "npy"):
        array = _mapped(path)
        known = array.dtype.kind in "biuf" and array.dtype.itemsize <= _WIDEST
        if not known and array.dtype.str != "|V2":
            raise ValueError(
                f"it must hold numbers of at most {8 * _WIDEST} bits, got dtype "
                f"{array.dtype}"
            )
        return array


def _mapped(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """As numpy maps it, but in a map that survives when the file is cut short."""
    with Path(path).open("rb") as file:
        if file.read(len(npy.MAGIC_PREFIX)) != npy.MAGIC_PREFIX:
            raise ValueError("it is no npy file: numpy.save writes them")
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if "Python objects" in str(error):
            raise ValueError(
                "it holds Python objects, not numbers: save numpy.stack(list(rows)), "
                "of vectors of one length, or rows.astype('float32')"
            ) from None
        raise
    memory: npt.NDArray[np.uint8] = np.asarray(_core.MappedFile(path))
    order: Literal["C", "F"] = "C" if found.flags.c_contiguous else "F"
    array: npt.NDArray[Any] = np.ndarray(
        found.shape, found.dtype, memory, found.offset, order=order
    )
    return array.view(np.memmap)


def read_npz(
    path: str | os.PathLike[str], *, packed: bool = True
) -> dict[str, npt.NDArray[Any] | None]:
    """The arrays of an npz file by name; None for one of Python objects.

    What a member says of its size is compared with the member's length, and the length
    of all with the memory that is left, before anything is read.

    Parameters
    ----------
    path : path
    packed : bool
        Whether members may be compressed.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    MemoryError
        When the arrays need more memory than there is.
    ValueError
        When it is damaged, or something else; names it.
    """
    with _naming(path, "npz"), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        needed, left = sum(each.file_size for each in members), _core.available_memory()
        if needed > left:
            raise MemoryError(
                f"{path} holds {needed // 10**6} MB of arrays, but only "
                f"{left // 10**6} MB of memory are available"
            )
        arrays = {}
        for member in members:
            if not member.filename.endswith(_SUFFIX):
                raise ValueError(f"{member.filename!r} is no array")
            if not packed and member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{member.filename!r} must not be compressed")
            name = member.filename.removesuffix(_SUFFIX)
            with archive.open(member) as file:
                arrays[name] = _array(file, name, member.file_size)
        return arrays


def _array(file: IO[bytes], name: str, length: int) -> npt.NDArray[Any] | None:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, in_columns, dtype = read(file)
    if dtype.hasobject:
        return None
    if min(shape, default=0) < 0:
        raise ValueError(f"{name!r} has the shape {shape}")
    count = math.prod(shape)
    if count * dtype.itemsize != length - file.tell():
        raise ValueError(
            f"{name!r} says that it holds {count} of {dtype}, but has "
            f"{length - file.tell()} bytes"
        )
    content = _content(file, length - file.tell())
    if dtype.itemsize == 0:
        return np.zeros(shape, dtype)
    return content.view(dtype).reshape(shape, order="F" if in_columns else "C")


def _content(file: IO[bytes], length: int) -> npt.NDArray[np.uint8]:
    """The rest of a member, of which no second copy is made on the way."""
    content = np.empty(length, np.uint8)
    start = 0
    while piece := file.read(_PIECE):
        content[start : start + len(piece)] = np.frombuffer(piece, np.uint8)
        start += len(piece)
    if start != length:
        raise ValueError(f"{length} bytes are promised, but {start} are there")
    return content


@contextmanager
def _naming(path: str | os.PathLike[str], kind: str) -> Iterator[None]:
    """Whatever the libraries raise over damaged bytes is a ValueError."""
    try:
        yield
    except (FileNotFoundError, MemoryError):
        raise
    except Exception as error:
        said = str(error) or type(error).__name__
        raise ValueError(f"{path} cannot be read as {kind}: {said}") from error
