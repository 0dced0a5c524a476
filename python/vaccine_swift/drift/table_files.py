"""Embeddings in tables: Parquet, Arrow, CSV and TSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from vaccine_swift.drift.embedding_file import Asked, EmbeddingFile
from vaccine_swift.drift.table_columns import TableColumns
from vaccine_swift.files.separators import check_separator, has_names

__all__ = ["of_table", "read_arrow", "read_csv", "read_folder", "read_parquet"]
__all__ += ["read_tsv"]

_LONGEST: Final = 1 << 20
"""Bytes of a first line that are looked at."""


def read_parquet(path: Path, asked: Asked) -> EmbeddingFile:
    """As `read_embeddings`."""

    def read(names: list[str] | None) -> Any:
        from pyarrow import parquet  # type: ignore[import-untyped]

        with parquet.ParquetFile(path) as file:
            return file.schema_arrow if names is None else file.read(names)

    return of_table(path, "Parquet", read, asked)


def read_folder(path: Path, asked: Asked) -> EmbeddingFile:
    """As `read_embeddings`: Parquet files, and the columns that subfolders name."""

    def read(names: list[str] | None) -> Any:
        from pyarrow import dataset

        data = dataset.dataset(path, format="parquet", partitioning="hive")
        if not data.files:
            raise ValueError(f"{path} has no Parquet files")
        return data.schema if names is None else data.to_table(columns=names)

    return of_table(path, "a folder of Parquet files", read, asked)


def read_arrow(path: Path, asked: Asked) -> EmbeddingFile:
    """As `read_embeddings`."""

    def read(names: list[str] | None) -> Any:
        from pyarrow import feather  # type: ignore[import-untyped]

        table = feather.read_table(path, columns=names)
        return table.schema if names is None else table

    return of_table(path, "Arrow", read, asked)


def read_csv(path: Path, asked: Asked) -> EmbeddingFile:
    """As `read_embeddings`."""
    return _of_text(path, "CSV", ",", asked)


def read_tsv(path: Path, asked: Asked) -> EmbeddingFile:
    """As `read_embeddings`."""
    return _of_text(path, "TSV", "\t", asked)


def _of_text(path: Path, kind: str, separator: str, asked: Asked) -> EmbeddingFile:
    def read(names: list[str] | None) -> Any:
        from pyarrow import csv  # type: ignore[import-untyped]

        table = csv.read_csv(
            path,
            read_options=csv.ReadOptions(autogenerate_column_names=not named),
            parse_options=csv.ParseOptions(delimiter=separator),
        )
        return table.schema if names is None else table.select(names)

    with path.open("rb") as file:
        header = file.readline(_LONGEST).decode("utf-8-sig", errors="replace")
    check_separator(path, header, separator)
    named = has_names(path, header, separator)
    return of_table(path, kind, read, asked)


def of_table(
    path: Path,
    kind: str,
    read: Callable[[list[str] | None], Any],
    asked: Asked,
) -> EmbeddingFile:
    """As `read_embeddings`; `read` gives the schema, or rows of the columns named."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError(
            f"reading {path} needs pyarrow: pip install 'vaccine-swift[data]'"
        ) from error
    try:
        columns = TableColumns.of(read(None), str(path), asked, read)
        table = read(columns.wanted)
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read as {kind}: {error}") from error
    return columns.rows(table)
