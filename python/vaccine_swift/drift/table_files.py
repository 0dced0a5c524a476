"""Embeddings in tables: Parquet, Arrow and CSV."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.drift.columns import Column, chosen_columns
from vaccine_swift.drift.embedding_file import (
    EmbeddingFile,
    Wanted,
    as_layers,
    check_labels,
    ids_of,
)
from vaccine_swift.drift.vectors import arrow_column, arrow_vectors

__all__ = ["read_arrow", "read_csv", "read_parquet"]

_SPELLED: Final = re.compile(r"\s*[\[(]\s*[-+.\d][-+.\deE]*[\s,;]")


def read_parquet(path: Path, column: Wanted, labels: str | None) -> EmbeddingFile:
    """As `read_embeddings`."""

    def read(names: list[str] | None) -> Any:
        from pyarrow import parquet  # type: ignore[import-untyped]

        with parquet.ParquetFile(path) as file:
            return file.schema_arrow if names is None else file.read(names)

    return _of_table(path, "Parquet", read, column, labels)


def read_arrow(path: Path, column: Wanted, labels: str | None) -> EmbeddingFile:
    """As `read_embeddings`."""

    def read(names: list[str] | None) -> Any:
        from pyarrow import feather  # type: ignore[import-untyped]

        table = feather.read_table(path, columns=names)
        return table.schema if names is None else table

    return _of_table(path, "Arrow", read, column, labels)


def read_csv(path: Path, column: Wanted, labels: str | None) -> EmbeddingFile:
    """As `read_embeddings`."""

    def read(names: list[str] | None) -> Any:
        from pyarrow import csv  # type: ignore[import-untyped]

        table = csv.read_csv(path)
        return table.schema if names is None else table.select(names)

    return _of_table(path, "CSV", read, column, labels)


def _of_table(
    path: Path,
    kind: str,
    read: Callable[[list[str] | None], Any],
    column: Wanted,
    labels: str | None,
) -> EmbeddingFile:
    """`read` gives the schema, or a table of the columns named."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError(
            f"reading {path} needs pyarrow: pip install 'vaccine-swift[data]'"
        ) from error
    try:
        schema = read(None)
        names = _distinct(path, schema.names)
        types = dict(zip(names, schema.types, strict=True))
        ids = ids_of(types, lambda _: True)
        index = _index_columns(schema)
        described = [
            Column(name, *arrow_column(types[name]))  # type: ignore[arg-type]
            for name in names
            if name not in (ids, labels) and (name not in index or column is not None)
        ]
        chosen = chosen_columns(described, column, str(path))
        check_labels(path, names, labels)
        if chosen.kind == "numbers" and column is None:
            _refuse_spelled(path, read, types, chosen.left_out)
        wanted = {*chosen.names, ids, labels}
        table = read([name for name in names if name in wanted])
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read as {kind}: {error}") from error
    columns = [table.column(name) for name in chosen.names]
    if chosen.kind == "vectors":
        parts = [
            arrow_vectors(each, f"{path}: {name!r}")
            for name, each in zip(chosen.names, columns, strict=True)
        ]
        values = as_layers(path, chosen.names, parts)
    else:
        pairs = zip(chosen.names, columns, strict=True)
        values = np.stack([_numbers(path, name, each) for name, each in pairs], axis=1)
    kept = {*chosen.names, ids, labels}
    return EmbeddingFile(
        values,
        None if ids is None else np.array(table.column(ids).to_pylist()),
        chosen.names,
        tuple(name for name in names if name not in kept),
        None if labels is None else np.array(table.column(labels).to_pylist(), object),
    )


def _distinct(path: Path, names: list[str]) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{path} has two columns of the name {name!r}")
    return names


def _index_columns(schema: Any) -> set[str]:
    """Columns that pandas wrote for its index; a range is no column."""
    columns = (schema.pandas_metadata or {}).get("index_columns", ())
    return {name for name in columns if isinstance(name, str)}


def _refuse_spelled(
    path: Path, read: Callable[[list[str]], Any], types: Mapping[str, Any], of: Any
) -> None:
    """Refuse numbers beside a text column that spells vectors, as "[0.1, 0.2]"."""
    from pyarrow import types as kinds

    words = (kinds.is_string, kinds.is_large_string)
    names = [each for each in of if any(test(types[each]) for test in words)]
    if not names:
        return
    table = read(names)
    for name in names:
        first = next((each for each in table[name].to_pylist() if each), "")
        if _SPELLED.match(first):
            raise ValueError(
                f"{path}: column {name!r} spells vectors as text, as {first!r:.40}: "
                "write it as a list of numbers in each row (Parquet), or choose "
                "another by column (--column NAME)"
            )


def _numbers(path: Path, name: str, column: Any) -> npt.NDArray[Any]:
    if column.null_count:
        raise ValueError(f"{path}: {name!r} has {column.null_count} missing values")
    return column.to_numpy()
