"""Rows out of files and Python objects, each with the place that errors name."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vaccine_swift._arguments import nearest
from vaccine_swift._plurals import counted
from vaccine_swift.checkpoints.hub import hub_hint
from vaccine_swift.files.separators import check_separator
from vaccine_swift.files.strict_json import parse_json
from vaccine_swift.files.text_files import read_text

__all__ = ["SourceRow", "read_rows"]

_LIMIT: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row as it came.

    Parameters
    ----------
    values : mapping
        Column name to value.
    place : str
        Where it stands, rows counted from 0: ``"row 3"`` or
        ``"row 3 (train.jsonl, line 4)"``.
    """

    values: Mapping[str, Any]
    place: str


def read_rows(
    path_or_rows: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
) -> list[SourceRow]:
    """Read every row of a file or an iterable of mappings.

    Parameters
    ----------
    path_or_rows : path or iterable of mappings
        A ``.json`` (one array of objects), ``.jsonl``, ``.csv`` or ``.tsv`` (with a
        header) or ``.parquet`` file, text in UTF-8; or any iterable of mappings, such
        as a list of dicts or a ``datasets.Dataset``.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ImportError
        When a Parquet file is given and pyarrow is not installed.
    TypeError
        When `path_or_rows` or a row in it has the wrong type.
    ValueError
        When the file cannot be parsed, has an unknown suffix, holds no row, or names a
        column or a key of an object twice.
    """
    if isinstance(path_or_rows, str | os.PathLike):
        path = Path(path_or_rows)
        rows = list(_reader(path)(path))
        source = str(path)
    else:
        rows = list(_from_objects(path_or_rows))
        source = "path_or_rows"
    if not rows:
        raise ValueError(f"{source} must hold at least one row, got none")
    return rows


def _from_objects(rows: object) -> Iterator[SourceRow]:
    if isinstance(rows, Mapping):
        raise TypeError(
            "path_or_rows must be a path or an iterable of rows, got one mapping with "
            f"the keys {_listed(rows)}; put a single row in a list, choose one split "
            "of a dataset dictionary"
        )
    for method, remedy in _TABLES.items():
        if hasattr(rows, method):
            raise TypeError(
                "path_or_rows must be a path or an iterable of mappings, got "
                f"{type(rows).__name__}; give its {remedy}"
            )
    if isinstance(rows, bytes | bytearray) or not isinstance(rows, Iterable):
        raise TypeError(
            "path_or_rows must be a path or an iterable of mappings, got "
            f"{type(rows).__name__}"
        )
    for index, row in enumerate(rows):
        yield _checked(row, f"row {index}", TypeError)


def _reader(path: Path) -> Callable[[Path], Iterator[SourceRow]]:
    if path.is_dir():
        raise ValueError(f"path_or_rows must be a file, got the directory {path}")
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        if not path.exists():
            raise FileNotFoundError(
                f"no such data file: {path}{hub_hint(path, dataset=True)}"
            )
        raise ValueError(
            f"{path} must end in one of {', '.join(_READERS)}, got {suffix!r}."
            f"{nearest(suffix, _READERS)}"
        )
    return _READERS[suffix]


def _from_json(path: Path) -> Iterator[SourceRow]:
    text = read_text(path)
    if not text.strip():
        return
    try:
        rows = parse_json(text)
    except ValueError as error:
        raise ValueError(
            f"{path} is not valid JSON: {error}{_lines_hint(text)}"
        ) from None
    if not isinstance(rows, list):
        raise ValueError(
            f"{path} must hold one array of objects, got {type(rows).__name__}; "
            "name a file with one object per line .jsonl"
        )
    for index, row in enumerate(rows):
        yield _checked(row, f"row {index} ({path})", ValueError)


def _from_json_lines(path: Path) -> Iterator[SourceRow]:
    index, text = 0, read_text(path)
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = parse_json(line)
            except ValueError as error:
                raise ValueError(
                    f"{path}, line {number} is not valid JSON: {error}"
                    f"{_array_hint(text)}"
                ) from None
            place = f"row {index} ({path}, line {number})"
            if isinstance(row, list) and (hint := _array_hint(text)):
                raise ValueError(f"{place} must be a mapping, got list{hint}")
            yield _checked(row, place, ValueError)
            index += 1


def _from_csv(path: Path, dialect: str = "excel") -> Iterator[SourceRow]:
    text = read_text(path)
    source = io.StringIO(text, newline="")
    reader = csv.DictReader(source, dialect=dialect, strict=True)
    with _field_limit(len(text)):
        yield from list(_csv_rows(reader, path))


def _from_tsv(path: Path) -> Iterator[SourceRow]:
    return _from_csv(path, "excel-tab")


def _csv_rows(reader: csv.DictReader[str], path: Path) -> Iterator[SourceRow]:
    try:
        names = reader.fieldnames or ()
        if len(names) == 1:
            check_separator(path, names[0], reader.reader.dialect.delimiter)
        _check_columns(names, path)
        for index, row in enumerate(reader):
            place = f"row {index} ({path}, line {reader.line_num})"
            if None in row or None in row.values():
                raise ValueError(
                    f"{place} must have the "
                    f"{counted(len(reader.fieldnames or ()), 'field')} of the header, "
                    "got another number"
                )
            yield SourceRow(row, place)
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.reader.line_num}: {error}") from None


def _from_parquet(path: Path) -> Iterator[SourceRow]:
    if not path.exists():
        raise FileNotFoundError(
            f"no such data file: {path}{hub_hint(path, dataset=True)}"
        )
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ImportError(
            f"reading {path} needs pyarrow: pip install vaccine-swift[data]"
        ) from error
    try:
        _check_columns(parquet.read_schema(path).names, path)
        table = parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read as Parquet: {error}") from error
    for index, row in enumerate(table.to_pylist()):
        yield SourceRow(row, f"row {index} ({path})")


@contextlib.contextmanager
def _field_limit(size: int) -> Iterator[None]:
    """Let the csv module read fields of any length; its limit is the process's."""
    with _LIMIT:
        before = csv.field_size_limit()
        csv.field_size_limit(max(before, size))
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _check_columns(names: Sequence[str], path: Path) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{path}: the column {name!r} is there {count} times")


def _lines_hint(text: str) -> str:
    """The remedy where a file holds an object on each line."""
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        found = [isinstance(json.loads(line), dict) for line in lines[:2]]
    except (ValueError, RecursionError):
        return ""
    hint = "; it holds an object on each line: name it .jsonl"
    return hint if len(found) > 1 and all(found) else ""


def _array_hint(text: str) -> str:
    """The remedy where a file holds all rows in one array."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    hint = "; the file holds one array of objects: name it .json"
    is_array = isinstance(rows, list) and rows and isinstance(rows[0], dict)
    return hint if is_array else ""


def _checked(row: object, place: str, error: type[Exception]) -> SourceRow:
    if not isinstance(row, Mapping):
        raise error(f"{place} must be a mapping, got {type(row).__name__}")
    for key in row:
        if not isinstance(key, str):
            raise error(f"{place} must have strings as keys, got {key!r}")
    return SourceRow(row, place)


def _listed(keys: Iterable[object]) -> str:
    return ", ".join(repr(key) for key in keys) or "(none)"


_TABLES: Final = {
    "iterrows": "to_dict('records')",
    "to_dicts": "to_dicts()",
    "to_pylist": "to_pylist()",
}
"""What tables of pandas, polars and Arrow are known by, and what gives their rows."""

_READERS: Final[dict[str, Callable[[Path], Iterator[SourceRow]]]] = {
    ".json": _from_json,
    ".jsonl": _from_json_lines,
    ".ndjson": _from_json_lines,
    ".csv": _from_csv,
    ".tsv": _from_tsv,
    ".parquet": _from_parquet,
}
