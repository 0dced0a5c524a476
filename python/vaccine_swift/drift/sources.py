"""Sides out of what people have: arrays, mapped files, streams and data sets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift.drift.embedding_file import Asked, Wanted, ids_of
from vaccine_swift.drift.files import read_embeddings
from vaccine_swift.drift.sides import Held, Piece, Read, Side
from vaccine_swift.drift.table_columns import TableColumns
from vaccine_swift.drift.vectors import plain_array

__all__ = ["ids_of_file", "side_of"]

_STREAMED: Final = (".parquet", ".arrow", ".feather")
_BUFFER: Final = 1 << 20


def side_of(value: Any, name: str, asked: Asked) -> Side:
    """Rows of an array, of a file or folder, or of a stream of Arrow or of arrays.

    Raises
    ------
    FileNotFoundError
        When a path leads nowhere.
    ImportError
        When pyarrow is needed and not there.
    TypeError, ValueError
        When it holds no rows of numbers; names the argument.
    """
    if isinstance(value, str | os.PathLike):
        return _of_path(Path(value), asked)
    if _is_data_set(value):
        return _of_data_set(value, name, asked)
    if hasattr(value, "__arrow_c_stream__") and not hasattr(value, "type"):
        import pyarrow as pa  # type: ignore[import-untyped]

        try:
            reader = pa.RecordBatchReader.from_stream(value)
        except (pa.ArrowInvalid, NotImplementedError):
            return Held(_of_array(value, name))
        return _of_batches(TableColumns.of(reader.schema, name, asked), reader)
    if hasattr(value, "__next__"):
        return Read(_of_array(each, name) for each in value)
    return Held(_of_array(value, name))


def _of_array(value: Any, name: str) -> Piece:
    array = plain_array(value, name)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"{name} must be [N, d] or [L, N, d], got shape {list(array.shape)}"
        )
    return Piece(array)


def _of_path(path: Path, asked: Asked) -> Side:
    if path.is_dir():
        return _of_folder(path, asked)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if path.suffix.lower() == ".parquet":
        return _of_parquet([(lambda: path, {})], str(path), asked)
    if path.suffix.lower() in _STREAMED:
        return _of_arrow(path, asked)
    has_columns = path.suffix.lower() != ".npy"
    file = read_embeddings(
        path,
        column=asked.column,
        labels=asked.labels,
        ids=asked.ids if has_columns else None,
        beside=asked.beside,
    )
    return Held(
        Piece(_of_array(file.values, str(path)).values, file.ids, file.labels),
        mapped=True,
        columns=file.columns,
        left_out=file.left_out,
    )


def _of_folder(path: Path, asked: Asked) -> Side:
    from pyarrow import ArrowException, dataset  # type: ignore[import-untyped]

    try:
        data = dataset.dataset(path, format="parquet", partitioning="hive")
    except (ArrowException, OSError) as error:
        raise ValueError(f"{path} is no folder of Parquet files: {error}") from error
    if not data.files:
        raise ValueError(f"{path} has no Parquet files")
    return _of_data_set(data, str(path), asked)


def _is_data_set(value: Any) -> bool:
    """Whether pyarrow reads it: a data set or a scan of one."""
    return type(value).__module__ == "pyarrow._dataset" and hasattr(value, "to_batches")


def _of_data_set(value: Any, name: str, asked: Asked) -> Side:
    from pyarrow import dataset

    parquet = getattr(value, "format", None)
    if isinstance(parquet, dataset.ParquetFileFormat):
        files = [
            (each.open, dataset.get_partition_keys(each.partition_expression))
            for each in value.get_fragments()
        ]
        return _of_parquet(files, name, asked, schema=value.schema)
    scan = getattr(value, "scanner", None)
    scanned = value if scan is None else scan(batch_size=asked.rows, batch_readahead=1)
    reader = scanned.to_reader()
    return _of_batches(TableColumns.of(reader.schema, name, asked), reader)


def _of_parquet(
    files: list[tuple[Callable[[], Any], dict[str, Any]]],
    name: str,
    asked: Asked,
    schema: Any = None,
) -> Side:
    """Row group by row group, and within one in batches.

    Parameters
    ----------
    files : list
        What opens each, and the columns that its place in the folder says.
    """
    import pyarrow as pa
    from pyarrow import parquet

    def opened(file: Callable[[], Any]) -> Any:
        return parquet.ParquetFile(file(), pre_buffer=False, buffer_size=_BUFFER)

    with _reading(name, "Parquet"):
        total = 0
        for file, _ in files:
            with opened(file) as one:
                total += one.metadata.num_rows
                schema = schema or one.schema_arrow

    def first_group(names: list[str]) -> Any:
        with opened(files[0][0]) as one:
            return one.read_row_group(0, columns=names)

    with _reading(name, "Parquet"):
        read = first_group if total and not files[0][1] else None
        columns = TableColumns.of(schema, name, asked, read)

    def batches() -> Iterator[Any]:
        for file, constants in files:
            names = [each for each in columns.wanted if each not in constants]
            with opened(file) as one:
                for batch in one.iter_batches(asked.rows, columns=names):
                    found = {each: batch.column(each) for each in names}
                    for each in set(columns.wanted) & set(constants):
                        found[each] = pa.repeat(constants[each], len(batch))
                    yield pa.RecordBatch.from_pydict(found)

    return Read(
        _pieces(columns, batches(), "Parquet"),
        total,
        columns=columns.names,
        left_out=columns.left_out,
    )


def _of_arrow(path: Path, asked: Asked) -> Side:
    import pyarrow as pa
    from pyarrow import dataset, ipc

    with _reading(str(path), "Arrow"):
        file = _core.MappedFile(path)
        reader = ipc.open_file(pa.BufferReader(pa.py_buffer(file)))
        total = dataset.dataset(path, format="ipc").count_rows()

    def first_batch(names: list[str]) -> Any:
        return reader.get_batch(0).select(names)

    with _reading(str(path), "Arrow"):
        read = first_batch if total else None
        columns = TableColumns.of(reader.schema, str(path), asked, read)
        _core.check_mapped(file)

    def batches() -> Iterator[Any]:
        for place in range(reader.num_record_batches):
            yield reader.get_batch(place)
            _core.check_mapped(file)

    return _of_batches(columns, batches(), total)


def ids_of_file(
    path: Path, *, column: Wanted = None, ids: str | None = None
) -> npt.NDArray[Any] | None:
    """The prompt of each row, without the rows where a file has columns.

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
        As `side_of`.
    """
    suffix = path.suffix.lower()
    if suffix not in _STREAMED:
        return read_embeddings(path, column=column, ids=ids).ids
    from pyarrow import dataset

    kind = "parquet" if suffix == ".parquet" else "ipc"
    with _reading(str(path), kind):
        data = dataset.dataset(path, format=kind)
        name = ids or ids_of(dict.fromkeys(data.schema.names), lambda _: True)
        if name is None:
            return None
        return np.array(data.to_table([name]).column(0).to_pylist())


def _of_batches(columns: TableColumns, batches: Any, total: int | None = None) -> Side:
    return Read(
        _pieces(columns, batches, "Arrow"),
        total,
        columns=columns.names,
        left_out=columns.left_out,
    )


def _pieces(columns: TableColumns, batches: Any, kind: str) -> Iterator[Piece]:
    start = 0
    with _reading(columns.source, kind):
        for batch in batches:
            # Arrow ends the process over a slice of a batch whose lengths lie.
            batch.validate(full=True)
            if len(batch):
                file = columns.rows(batch, start=start)
                _check_ids(columns, file.ids)
                yield Piece(file.values, file.ids, file.labels)
                start += len(batch)


def _check_ids(columns: TableColumns, ids: npt.NDArray[Any] | None) -> None:
    if ids is not None and (ids.ndim != 1 or ids.dtype.kind not in "iuU"):
        raise ValueError(
            f"{columns.source}: {columns.ids!r} must hold a string or a whole number "
            "in each row, as ids are"
        )


@contextmanager
def _reading(source: str, kind: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, KeyError) as error:
        # KeyError: a file of a folder lacks a column; its text is in quotes.
        said = error.args[0] if isinstance(error, KeyError) else error
        raise ValueError(f"{source} cannot be read as {kind}: {said}") from error
