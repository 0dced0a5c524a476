"""Embeddings in files: npy, npz, safetensors, Parquet, Arrow, CSV, TSV and JSONL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt

from vaccine_swift._arguments import nearest
from vaccine_swift.checkpoints.safetensors import SafetensorsFile
from vaccine_swift.drift.columns import Column, chosen_columns
from vaccine_swift.drift.embedding_file import (
    Asked,
    EmbeddingFile,
    Wanted,
    as_layers,
    check_labels,
    ids_of,
)
from vaccine_swift.drift.json_lines import read_json_lines
from vaccine_swift.drift.table_files import (
    read_arrow,
    read_csv,
    read_folder,
    read_parquet,
    read_tsv,
)
from vaccine_swift.files.numpy_files import map_npy, read_npz

__all__ = ["EmbeddingFile", "read_embeddings"]

_KNOWN_TO_NUMPY: Final = {
    "F64",
    "BOOL",
    *(f"{s}{b}" for s in "IU" for b in (8, 16, 32, 64)),
}


def read_embeddings(
    path: Path,
    *,
    column: Wanted = None,
    labels: str | None = None,
    ids: str | None = None,
    beside: str | None = None,
) -> EmbeddingFile:
    """Read embeddings.

    A ``.npy`` file is mapped, not read. Of the columns of a table (Parquet or a folder
    of Parquet files, Arrow, CSV, TSV, JSONL) or arrays of an ``.npz`` or
    ``.safetensors`` file, those are the embedding that `column` names. Without it: the
    one column of lists of numbers, or array [N, d] or [L, N, d]; several whose names
    differ in a number only are layers, in natural order. Where a table has no lists,
    its columns of numbers: a numbered series that makes up more than half of them, else
    those that are not integers, which are labels or row numbers; a single column of
    integers is refused. A column that a data frame kept as its index is never the
    embedding.

    Parameters
    ----------
    path : Path
    column : str or sequence of str, optional
        Names or patterns such as ``"x*"``; several columns of lists are layers in the
        order given.
    labels : str, optional
        A column with a text or number for each row, such as its segment.
    ids : str, optional
        The column that names each row's prompt; ``id`` or ``ids`` by default.
    beside : str, optional
        A column that is no part of the embedding, where there is such a one.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ImportError
        When it is a table and pyarrow is not installed.
    ValueError
        When the suffix is unknown, the file does not hold what it should, or more than
        one choice is left.
    """
    asked = Asked(column, ids, labels, beside)
    if path.is_dir():
        return read_folder(path, asked)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(
            f"{path} must end in {', '.join(_READERS)}."
            f"{nearest(path.suffix.lower(), _READERS)}"
        )
    return reader(path, asked)


def _npy(path: Path, asked: Asked) -> EmbeddingFile:
    for value in (asked.column, asked.labels, asked.ids):
        if value is not None:
            name = value if isinstance(value, str) else ", ".join(value)
            raise ValueError(
                f"{path} has no columns: {name!r} cannot be found; tables and "
                "npz files have them"
            )
    return EmbeddingFile(map_npy(path), None)


def _npz(path: Path, asked: Asked) -> EmbeddingFile:
    return _of_arrays(path, read_npz(path), asked)


def _safetensors(path: Path, asked: Asked) -> EmbeddingFile:
    file = SafetensorsFile(path)
    arrays: dict[str, npt.NDArray[Any] | None] = {}
    for name in file.shapes:
        if name not in file.unreadable:
            arrays[name] = file.read(name)
        elif file.unreadable[name] in _KNOWN_TO_NUMPY:
            arrays[name] = file.plain(name)
        else:
            arrays[name] = None
    return _of_arrays(path, arrays, asked)


def _of_arrays(
    path: Path,
    arrays: Mapping[str, npt.NDArray[Any] | None],
    asked: Asked,
) -> EmbeddingFile:
    if not arrays:
        raise ValueError(f"{path} must hold an array, got none")
    labels = asked.labels
    check_labels(path, arrays, labels)
    check_labels(path, arrays, asked.ids)
    for name, what in ((labels, "labels"), (asked.ids, "ids")):
        if name is not None and arrays[name] is None:
            raise ValueError(f"{path}: {name!r} holds Python objects, not {what}")
    ids = asked.ids or ids_of(arrays, lambda each: each is not None and each.ndim == 1)
    described = [
        _array_column(name, array)
        for name, array in arrays.items()
        if name not in (ids, labels, asked.beside)
    ]
    chosen = chosen_columns(described, asked.column, str(path))
    if chosen.kind == "numbers":
        raise ValueError(
            f"{path} must hold an array [N, d] or [L, N, d], got {chosen.names[0]!r} "
            "with one dimension"
        )
    values = as_layers(path, chosen.names, [arrays[name] for name in chosen.names])
    return EmbeddingFile(
        values,
        None if ids is None else arrays[ids],
        chosen.names,
        chosen.left_out,
        None if labels is None else arrays[labels],
    )


def _array_column(name: str, array: npt.NDArray[Any] | None) -> Column:
    if array is None or array.ndim == 0:
        return Column(name, "other")
    whole = array.dtype.kind in "iu"
    real = array.dtype.name in ("float16", "float32", "float64", "bfloat16")
    if not whole and not real:
        return Column(name, "other")
    # Rows of one number are no embedding, whole or not.
    return (
        Column(name, "numbers") if array.ndim == 1 else Column(name, "vectors", whole)
    )


_READERS: Final[dict[str, Callable[[Path, Asked], EmbeddingFile]]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ".feather": read_arrow,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": read_json_lines,
}
