"""Single exchanges out of rows of any format, as Alpaca rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from vaccine_swift.data.formats import Conversation, Exchange, find_format, parse
from vaccine_swift.data.rows import read_rows
from vaccine_swift.data.safety_labels import with_safety

__all__ = ["read_exchanges"]


def read_exchanges(
    path_or_rows: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    *,
    format: str | None = None,  # noqa: A002
    safe: bool | None = None,
) -> list[dict[str, str]]:
    """Read rows of any format as ``instruction``, ``input`` and ``output``.

    Parameters
    ----------
    path_or_rows, format, safe
        As `vaccine_swift.data.load` takes them.

    Raises
    ------
    FileNotFoundError, ImportError, TypeError, ValueError
        As `vaccine_swift.data.load`; ValueError also when messages are more than one
        request and its answer.
    """
    rows = read_rows(path_or_rows)
    found = find_format(rows, format)
    if safe is not None:
        rows = with_safety(rows, found, safe=safe)
    exchanges = (_exchange(parse(row, found), row.place) for row in rows)
    return [
        {"instruction": one.instruction, "input": one.input, "output": one.completion}
        for one in exchanges
    ]


def _exchange(item: Exchange | Conversation, place: str) -> Exchange:
    if isinstance(item, Exchange):
        return item
    roles = [message["role"] for message in item.messages]
    if roles != ["user", "assistant"]:
        raise ValueError(
            f"{place} must hold one user and one assistant message, got the roles "
            f"{roles}"
        )
    request, answer = (message["content"] for message in item.messages)
    return Exchange(request, "", answer)
