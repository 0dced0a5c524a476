"""JSON files that hold one object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vaccine_swift.files.reading import read_whole
from vaccine_swift.files.strict_json import parse_json

__all__ = ["read_json", "read_json_if_any"]


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is not UTF-8, not JSON, names a key twice, or its top level is no
        object; names the file.
    """
    try:
        content = parse_json(read_whole(path).decode("utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}: must hold a JSON object, got {type(content).__name__}"
        )
    return content


def read_json_if_any(path: Path) -> dict[str, Any]:
    """The object in a JSON file, empty where there is no file."""
    return read_json(path) if path.exists() else {}
