"""Embeddings in lines of JSON, an object for each row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from vaccine_swift.drift.embedding_file import Asked, EmbeddingFile
from vaccine_swift.drift.table_files import of_table
from vaccine_swift.files.strict_json import parse_json
from vaccine_swift.files.text_files import read_text

__all__ = ["read_json_lines"]

_DEEPEST: Final = 64
"""Lists and objects within each other; Arrow ends the process over some thousands."""
_PARTS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')


def read_json_lines(path: Path, asked: Asked) -> EmbeddingFile:
    """As `read_embeddings`."""
    known: list[Any] = []

    def read(names: list[str] | None) -> Any:
        import pyarrow as pa

        if not known:
            rows = _objects(path)
            try:
                columns = {
                    name: [row.get(name) for row in rows]
                    for name in dict.fromkeys(name for row in rows for name in row)
                }
                known.append(pa.table(columns))
            except (OverflowError, TypeError) as error:
                raise ValueError(f"{path} cannot be read as a table: {error}") from None
        return known[0].schema if names is None else known[0].select(names)

    return of_table(path, "JSON lines", read, asked)


def _objects(path: Path) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            _check_depth(line)
            row = parse_json(line)
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number} is not valid JSON: {error}"
            ) from None
        if not isinstance(row, dict):
            raise ValueError(
                f"{path}, line {number} must be an object of columns, got {row!r:.40}"
            )
        rows.append(row)
    if not rows:
        raise ValueError(f"{path} must have at least one row, got none")
    return rows


def _check_depth(line: str) -> None:
    """Refuse what is nested deeply, before it is parsed."""
    if line.count("[") + line.count("{") <= _DEEPEST:
        return
    depth = 0
    for part in _PARTS.finditer(line):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(part[0], 0)
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
