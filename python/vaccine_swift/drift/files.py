"""Embeddings in files: npy, npz, safetensors and Parquet."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import nearest
from vaccine_swift.checkpoints.safetensors import SafetensorsFile

__all__ = ["EmbeddingFile", "read_embeddings", "read_lines"]

_ID: Final = "id"


class EmbeddingFile(NamedTuple):
    """What a file holds.

    Parameters
    ----------
    values : array, shape [N, d] or [L, N, d]
        Rows, of one layer or of each.
    ids : array, shape [N], or None
        Where the file has them: ``ids`` in an npz, a column ``id`` in Parquet.
    """

    values: npt.NDArray[Any]
    ids: npt.NDArray[Any] | None


def read_embeddings(path: Path) -> EmbeddingFile:
    """Read embeddings.

    A ``.npy`` file is mapped, not read. Several arrays of an ``.npz`` or
    ``.safetensors`` file are layers, in the natural order of their names. In Parquet,
    either each column of fixed-size lists is a layer, or all numeric columns together
    are one; a column ``id`` holds the ids.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ImportError
        When a Parquet file is given and pyarrow is not installed.
    ValueError
        When the suffix is unknown or the file does not hold what it should.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(
            f"{path} must end in {', '.join(_READERS)}."
            f"{nearest(path.suffix.lower(), _READERS)}"
        )
    return reader(path)


def read_lines(path: Path) -> list[str]:
    """Lines of a text file that are not empty, such as ids."""
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    return [line for line in lines if line]


def _npy(path: Path) -> EmbeddingFile:
    try:
        return EmbeddingFile(np.load(path, mmap_mode="r", allow_pickle=False), None)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} cannot be read as npy: {error}") from error


def _npz(path: Path) -> EmbeddingFile:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:
        raise ValueError(f"{path} cannot be read as npz: {error}") from error
    ids = arrays.pop("ids", None)
    return EmbeddingFile(_layers(path, arrays), ids)


def _safetensors(path: Path) -> EmbeddingFile:
    file = SafetensorsFile(path)
    arrays = {name: file.read(name) for name in file.shapes}
    return EmbeddingFile(_layers(path, arrays), None)


def _parquet(path: Path) -> EmbeddingFile:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as parquet  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError(
            f"reading {path} needs pyarrow: pip install 'vaccine-swift[data]'"
        ) from error
    try:
        table = parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read as Parquet: {error}") from error
    ids, lists, numbers = None, {}, []
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if name == _ID:
            ids = np.array(column.to_pylist())
        elif pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
            numbers.append(_numbers(path, name, column))
        elif pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
            values = _numbers(path, name, column.flatten())
            rows = len(column)
            if rows == 0 or values.size % rows or column.null_count:
                raise ValueError(f"{path}: lists of {name!r} differ in length")
            lists[name] = values.reshape(rows, -1)
            if not pa.types.is_fixed_size_list(column.type):
                lengths = set(column.value_lengths().to_pylist())
                if len(lengths) != 1:
                    raise ValueError(f"{path}: lists of {name!r} differ in length")
    if lists and numbers:
        raise ValueError(f"{path} must have list columns or number columns, has both")
    if numbers:
        lists = {"": np.stack(numbers, axis=1)}
    return EmbeddingFile(_layers(path, lists), ids)


def _numbers(path: Path, name: str, column: Any) -> npt.NDArray[Any]:
    if column.null_count:
        raise ValueError(f"{path}: {name!r} has {column.null_count} missing values")
    return column.to_numpy(zero_copy_only=False)


def _layers(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    if not arrays:
        raise ValueError(f"{path} must hold an array, got none")
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    names = sorted(arrays, key=_natural)
    first = arrays[names[0]]
    for name in names:
        if arrays[name].ndim != 2 or arrays[name].shape != first.shape:
            raise ValueError(
                f"{path}: arrays must be layers of one shape [N, d], got {names[0]!r} "
                f"of shape {first.shape} and {name!r} of shape {arrays[name].shape}"
            )
    return np.stack([arrays[name] for name in names])


def _natural(name: str) -> list[tuple[bool, int | str]]:
    """``layer.10`` after ``layer.9``."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in parts]


_READERS: Final[dict[str, Callable[[Path], EmbeddingFile]]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".parquet": _parquet,
}
