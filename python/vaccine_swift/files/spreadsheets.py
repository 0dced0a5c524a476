"""CSV that a spreadsheet shows and does not compute."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["csv_text"]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a heading; None and what is missing are empty fields.

    A text that a spreadsheet would take for a formula (it begins with ``=``, ``+``,
    ``-``, ``@``, a tab or a carriage return) gets an apostrophe before it, unless it is
    a number.

    Examples
    --------
    >>> print(csv_text([{"a": "=1+1", "b": -0.5}, {"a": "-3"}]), end="")
    a,b
    '=1+1,-0.5
    -3,
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [_line(columns)]
    lines += [_line([row.get(name) for name in columns]) for row in rows]
    return "".join(lines)


def _line(values: Sequence[Any]) -> str:
    # The csv module quotes only the line end that it writes, which may be either here.
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(map(_cell, values))
    return text.getvalue().removesuffix("\r\n") + "\n"


def _cell(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
