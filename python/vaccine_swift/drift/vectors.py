"""Arrays from where people have them: tensors, tables, columns of vectors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift._plurals import counted
from vaccine_swift.drift.columns import Column, chosen_columns

__all__ = ["arrow_column", "arrow_vectors", "plain_array", "stacked"]

_TABLES = ("pandas", "polars", "pyarrow")


def plain_array(value: Any, name: str) -> npt.NDArray[Any]:
    """A numpy array of what can be one, with a copy only where the kind asks for it.

    Taken are what numpy takes; torch tensors (detached, moved to the CPU, bfloat16 as
    float32); objects that offer DLPack only; columns of vectors (object arrays and
    Series, Arrow and Polars lists); and tables in which every column belongs to the
    embedding, which whatever has ``__arrow_c_stream__`` can be (it is read to its end).

    Raises
    ------
    TypeError
        When it is no array; says how to make one of it.
    ValueError
        When vectors differ in length, or elements are missing.
    """
    if isinstance(value, str | os.PathLike):
        raise TypeError(
            f"{name} must be an array of real numbers, got the path {value!s:.80}: "
            "read it first, as numpy.load(path) or pyarrow.parquet.read_table(path)"
            "['embedding']; Accumulator.extend and vaccine-swift drift read files"
        )
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"{name} must not have masked elements: fill or drop them")
    if type(value) is np.ndarray:
        array = value
    elif _module(value) in _TABLES and (table := _table(value)) is not None:
        return _of_table(table, name)
    elif _module(value) == "pyarrow" and hasattr(value, "type"):
        kind, _ = arrow_column(value.type)
        array = arrow_vectors(value, name) if kind == "vectors" else np.asarray(value)
    elif hasattr(value, "detach"):
        return _of_tensor(value, name)
    elif (table := _arrow_table(value, name)) is not None:
        return plain_array(table, name)
    elif isinstance(value, list | tuple) and value and _foreign(value[0]):
        return stacked([plain_array(each, name) for each in value], name, "layer")
    elif _only_dlpack(value):
        array = _converted(np.from_dlpack, value, name)
    else:
        array = _converted(np.asarray, value, name)
    if array.dtype.kind == "O" and array.ndim == 1 and array.size:
        return stacked(array, name, "row")
    if array.dtype.kind == "O" and array.ndim == 0:
        raise TypeError(
            f"{name} must be an array of real numbers, got {type(value).__name__}: "
            "convert it first (a sparse matrix by toarray())"
        )
    return array


def stacked(values: Iterable[Any], name: str, what: str) -> npt.NDArray[Any]:
    """Vectors or layers as one array.

    Raises
    ------
    TypeError, ValueError
        When one of them is no array of numbers, or they differ in shape; says which.
    """
    arrays: list[npt.NDArray[Any]] = []
    for index, each in enumerate(values):
        array = np.asarray(each)
        if array.ndim == 0 or array.dtype.kind == "O":
            raise TypeError(
                f"{name} must be an array of real numbers, {what} {index} is "
                f"{each!r:.40}"
            )
        if arrays and array.shape != arrays[0].shape:
            raise ValueError(
                f"{name}: vectors must have one length, {what} 0 has shape "
                f"{list(arrays[0].shape)}, {what} {index} {list(array.shape)}"
            )
        arrays.append(array)
    return np.stack(arrays)


def arrow_column(kind: Any) -> tuple[str, bool]:
    """What cells of an Arrow type are, as `Column.kind`, and whether integers."""
    import pyarrow as pa
    from pyarrow import types  # type: ignore[import-untyped]

    if isinstance(kind, pa.FixedShapeTensorType) and len(kind.shape) > 1:
        return "lists", False
    kind = getattr(kind, "storage_type", kind)
    inner = kind.value_type if _is_list(kind) else kind
    whole = types.is_integer(inner)
    if whole or types.is_floating(inner):
        return ("numbers" if inner is kind else "vectors"), whole
    words = (types.is_string, types.is_large_string, types.is_binary, types.is_struct)
    if inner is kind or any(test(inner) for test in words):
        return "other", False
    return "lists", False


def arrow_vectors(column: Any, name: str, *, start: int = 0) -> npt.NDArray[Any]:
    """A column of lists as [N, d].

    Parameters
    ----------
    column : Array or ChunkedArray
    name : str
        In messages.
    start : int
        The number of the first row in messages.

    Raises
    ------
    ValueError
        When a list or an element is missing, or lists differ in length; names the row.
    """
    import pyarrow as pa
    from pyarrow import compute

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    column = getattr(column, "storage", column)
    rows = len(column)
    if column.null_count:
        row = int(np.flatnonzero(compute.is_null(column).to_numpy(False))[0])
        raise ValueError(
            f"{name} has {counted(column.null_count, 'missing list')}, the first in "
            f"row {start + row}"
        )
    if not rows:
        raise ValueError(f"{name} must have at least one row, got none")
    lengths = compute.list_value_length(column).to_numpy(False)
    if (lengths != lengths[0]).any():
        row = int(np.flatnonzero(lengths != lengths[0])[0])
        raise ValueError(
            f"{name}: lists differ in length, row {start} has "
            f"{counted(lengths[0], 'element')}, row {start + row} {lengths[row]}"
        )
    values = column.flatten()
    if values.null_count:
        place = int(np.flatnonzero(compute.is_null(values).to_numpy(False))[0])
        raise ValueError(
            f"{name} has {counted(values.null_count, 'missing value')}, the first in "
            f"row {start + place // int(lengths[0])}"
        )
    return values.to_numpy(zero_copy_only=False).reshape(rows, -1)


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    names = ("list", "large_list", "fixed_size_list", "list_view", "large_list_view")
    tests = [getattr(types, f"is_{name}", None) for name in names]
    return any(test is not None and test(kind) for test in tests)


def _of_table(table: Mapping[str, Any], name: str) -> npt.NDArray[Any]:
    """The embedding of a table that holds nothing else."""
    columns = [_described(key, value) for key, value in table.items()]
    way_out = "give the embedding alone, as table['embedding'] or table[['x0', 'x1']]"
    try:
        chosen = chosen_columns(columns, None, name)
    except ValueError as error:
        raise TypeError(f"{error}; {way_out}") from None
    if chosen.left_out:
        left = ", ".join(map(repr, chosen.left_out))
        raise TypeError(
            f"{name} is a table whose columns {left} are no part of the embedding: "
            f"{way_out}"
        )
    parts = [plain_array(table[key], f"{name}[{key!r}]") for key in chosen.names]
    if chosen.kind == "numbers":
        return np.stack(parts, axis=1)
    return parts[0] if len(parts) == 1 else stacked(parts, name, "layer")


def _table(value: Any) -> dict[str, Any] | None:
    """The columns of a data frame or an Arrow table by name."""
    names = getattr(value, "column_names", None)
    if names is None:
        names = getattr(value, "columns", None)
    if names is None:
        return None
    names = [str(each) for each in names]
    if len(set(names)) < len(names):
        double = next(each for each in names if names.count(each) > 1)
        raise TypeError(f"a table has two columns of the name {double!r}")
    if hasattr(value, "iloc"):
        return {each: value.iloc[:, place] for place, each in enumerate(names)}
    return {each: value[each] for each in names}


def _arrow_table(value: Any, name: str) -> Any:
    """What streams a table or a column of Arrow, read to its end; else None."""
    if hasattr(value, "__array__"):
        return None
    if _module(value) == "pyarrow" and hasattr(value, "to_table"):
        return value.to_table()
    if not hasattr(value, "__arrow_c_stream__"):
        return None
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError(
            f"{name} is a stream of Arrow, and reading one needs pyarrow: "
            "pip install 'vaccine-swift[data]'"
        ) from error
    try:
        try:
            return pa.RecordBatchReader.from_stream(value).read_all()
        except pa.ArrowInvalid:  # a column is no struct
            return pa.chunked_array(value)
    except (pa.ArrowException, TypeError) as error:
        raise TypeError(
            f"{name} must be an array of real numbers, got a stream of Arrow that "
            f"cannot be read: {error}"
        ) from error


def _described(name: str, column: Any) -> Column:
    if _module(column) == "pyarrow":
        return Column(name, *arrow_column(column.type))  # type: ignore[arg-type]
    kind = np.asarray(column).dtype
    if kind.kind in "fiu":
        return Column(name, "numbers", kind.kind != "f")
    first = next(iter(column), None) if kind.kind == "O" else None
    if first is not None and not isinstance(first, str | bytes):
        inner = np.asarray(first)
        if inner.ndim and inner.dtype.kind in "fiu":
            return Column(name, "vectors", inner.dtype.kind != "f")
    return Column(name, "other")


def _of_tensor(value: Any, name: str) -> npt.NDArray[Any]:
    """A tensor of torch, which need not be installed."""
    tensor = value.detach()
    if hasattr(tensor, "cpu"):
        tensor = tensor.cpu()
    if str(getattr(tensor, "dtype", "")) == "torch.bfloat16":
        tensor = tensor.float()
    return _converted(np.asarray, tensor, name)


def _only_dlpack(value: Any) -> bool:
    others = ("__array__", "__array_interface__", "__array_struct__", "__buffer__")
    return hasattr(value, "__dlpack__") and not any(
        hasattr(value, each) for each in others
    )


def _converted(convert: Any, value: Any, name: str) -> npt.NDArray[Any]:
    try:
        return convert(value)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise TypeError(
            f"{name} must be an array of real numbers: {error}; convert it first, "
            "as x.float() or np.asarray(x, np.float32)"
        ) from error


def _foreign(value: Any) -> bool:
    return _module(value) not in ("builtins", "numpy")


def _module(value: Any) -> str:
    return type(value).__module__.partition(".")[0]
