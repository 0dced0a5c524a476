"""Single exchanges out of rows of any format, as Alpaca rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from vaccine_swift.data.chat_segments import FIELDS
from vaccine_swift.data.formats import find_format
from vaccine_swift.data.items import Exchange, PlainText
from vaccine_swift.data.marks import row_mark
from vaccine_swift.data.parsing import parse
from vaccine_swift.data.rows import SourceRow, read_rows
from vaccine_swift.data.safety_labels import Safety, check_safe, with_safety

__all__ = ["read_exchanges"]


def read_exchanges(
    path_or_rows: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    *,
    format: str | None = None,  # noqa: A002
    safe: Safety = None,
) -> list[dict[str, str]]:
    """Read rows of any format as ``instruction``, ``input`` and ``output``.

    Rows that ask not to be trained on are left out, as `vaccine_swift.data.load` does.

    Parameters
    ----------
    path_or_rows, format, safe
        As `vaccine_swift.data.load` takes them.

    Raises
    ------
    FileNotFoundError, ImportError, TypeError, ValueError
        As `vaccine_swift.data.load`; ValueError also when messages are more than one
        request and its answer, or say what an exchange has no place for.
    """
    check_safe(safe)
    rows = read_rows(path_or_rows)
    found = find_format(rows, format)
    chosen = with_safety(rows, found, safe=safe).rows
    exchanges = [_exchange(row, found) for row in chosen if row_mark(row) is None]
    return [
        {"instruction": one.instruction, "input": one.input, "output": one.completion}
        for one in exchanges
        if one is not None
    ]


def _exchange(row: SourceRow, found: str) -> Exchange | None:
    """One request and its answer; None where the answer is not to be learned."""
    item = parse(row, found)
    if isinstance(item, Exchange):
        return item
    if isinstance(item, PlainText):
        raise ValueError(f"{row.place} must hold a request and its answer, got a text")
    roles = [message["role"] for message in item.messages]
    if roles != ["user", "assistant"]:
        raise ValueError(
            f"{row.place} must hold one user and one assistant message, got the roles "
            f"{roles}"
        )
    lost = [name for name in FIELDS if any(one.get(name) for one in item.messages)]
    if item.tools or lost:
        raise ValueError(
            f"{row.place}: {(lost or ['tools'])[0]!r} has no place in a request and "
            "its answer"
        )
    request, answer = (message["content"] for message in item.messages)
    return Exchange(request, "", answer) if item.supervised[1] else None
