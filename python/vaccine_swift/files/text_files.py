"""Text files as people have them: UTF-8, perhaps with a byte order mark."""

from __future__ import annotations

import re
from pathlib import Path

from vaccine_swift.files.reading import check_fits

__all__ = ["read_lines", "read_text"]

_LINE_END = re.compile(r"\r\n|\n|\r")
_SPACE = " \t\v\f"


def read_text(path: Path) -> str:
    """The text of a file, without a byte order mark and with its line ends.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is not UTF-8; names the line.
    MemoryError
        When it is longer than the memory left; names it.
    """
    try:
        check_fits(path)
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"no such data file: {path}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path} must be UTF-8 text, got byte 0x{error.object[error.start]:02x} "
            f"in line {line}"
        ) from None


def read_lines(path: Path) -> list[str]:
    """Lines that are not empty, without spaces and tabs around them.

    A line ends at a line feed, a carriage return or both. Unicode's other separators
    (U+2028, U+0085, …) are text, as they are within a JSON string or a CSV field.

    Raises
    ------
    FileNotFoundError, ValueError
        As `read_text`.
    """
    lines = (line.strip(_SPACE) for line in _LINE_END.split(read_text(path)))
    return [line for line in lines if line]
