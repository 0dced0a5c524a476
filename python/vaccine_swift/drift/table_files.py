"""Embeddings in tables: Parquet, Arrow and CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vaccine_swift.drift.embedding_file import EmbeddingFile, Wanted
from vaccine_swift.drift.table_columns import TableColumns

__all__ = ["read_arrow", "read_csv", "read_folder", "read_parquet"]


def read_parquet(path: Path, column: Wanted, labels: str | None) -> EmbeddingFile:
    """As `read_embeddings`."""

    def read(names: list[str] | None) -> Any:
        from pyarrow import parquet  # type: ignore[import-untyped]

        with parquet.ParquetFile(path) as file:
            return file.schema_arrow if names is None else file.read(names)

    return _of_table(path, "Parquet", read, column, labels)


def read_folder(path: Path, column: Wanted, labels: str | None) -> EmbeddingFile:
    """As `read_embeddings`: Parquet files, and the columns that subfolders name."""

    def read(names: list[str] | None) -> Any:
        from pyarrow import dataset

        data = dataset.dataset(path, format="parquet", partitioning="hive")
        if not data.files:
            raise ValueError(f"{path} has no Parquet files")
        return data.schema if names is None else data.to_table(columns=names)

    return _of_table(path, "a folder of Parquet files", read, column, labels)


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
        columns = TableColumns.of(read(None), str(path), column=column, labels=labels)
        if column is None:
            columns.check_spelled(read)
        table = read(columns.wanted)
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read as {kind}: {error}") from error
    return columns.rows(table)
