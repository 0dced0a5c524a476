"""Row formats of the field: which columns hold the prompt and the completion.

Alpaca (``instruction, input, output``), prompt and completion as in TRL, messages,
BeaverTails (``prompt, response, is_safe, category``), ShareGPT's conversations,
preference pairs, and plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vaccine_swift._arguments import nearest
from vaccine_swift.data.rows import SourceRow

__all__ = ["FORMATS", "RowFormat", "find_format", "matching_formats"]


@dataclass(frozen=True, slots=True)
class RowFormat:
    """Columns of one row format.

    Parameters
    ----------
    required : tuple of str
        The request's column, then the answer's; or the one column of messages.
    optional : tuple of str
        Columns that also belong to the format. ``input``, where there is one, extends
        the request; others stay beside the text.
    covers : tuple of str
        Formats that are not meant where the columns of this one are there too.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()


FORMATS: Final[dict[str, RowFormat]] = {
    "alpaca": RowFormat(("instruction", "output"), ("input",)),
    "prompt_completion": RowFormat(("prompt", "completion")),
    "messages": RowFormat(("messages",), ("tools",)),
    "beavertails": RowFormat(("prompt", "response"), ("is_safe", "category")),
    "sharegpt": RowFormat(("conversations",), ("system", "tools")),
    "preference": RowFormat(
        ("chosen", "rejected"), ("prompt",), covers=("messages", "sharegpt")
    ),
    "text": RowFormat(("text",)),
}
"""Name to columns, in the order in which messages list them."""


def find_format(rows: Sequence[SourceRow], name: str | None) -> str:
    """Name the format that all rows share.

    Parameters
    ----------
    rows : sequence of SourceRow
        At least one.
    name : str, optional
        The format to hold the rows to; None recognises it from the keys.

    Raises
    ------
    ValueError
        When the name is unknown, or a row has not the columns of the format; when no
        format or more than one fits.
    """
    if name is not None:
        if name not in FORMATS:
            raise ValueError(
                f"format must be one of {', '.join(FORMATS)} or None, got {name!r}."
                f"{nearest(str(name), FORMATS)}"
            )
        for row in rows:
            missing = [k for k in FORMATS[name].required if k not in row.values]
            if missing:
                raise ValueError(
                    f"{row.place} must have the {name} column {missing[0]!r}, got the "
                    f"keys {_keys(row)}.{nearest(missing[0], row.values)}"
                )
        return name
    shared = set(matching_formats(rows[0]))
    for row in rows:
        matches = matching_formats(row)
        if not matches:
            raise ValueError(
                f"{row.place} has the keys {_keys(row)}, which fit no row format; "
                f"expected {_described()}.{_suggestion(row)}"
            )
        if not shared.intersection(matches):
            raise ValueError(
                f"{row.place} has the keys {_keys(row)} ({' or '.join(matches)}) "
                f"unlike row 0, {_keys(rows[0])} ({' or '.join(sorted(shared))}); all "
                "rows must have one format"
            )
        shared.intersection_update(matches)
    if len(shared) > 1:
        raise ValueError(
            f"the keys of row 0, {_keys(rows[0])}, fit several row formats, "
            f"{' and '.join(sorted(shared))}; name one with format="
        )
    return shared.pop()


def matching_formats(row: SourceRow) -> list[str]:
    """Names of the formats whose columns a row has."""
    found = [
        name
        for name, columns in FORMATS.items()
        if all(key in row.values for key in columns.required)
    ]
    covered = {other for name in found for other in FORMATS[name].covers}
    if len(found) > 1:
        covered.add("text")
    return [name for name in found if name not in covered]


def _keys(row: SourceRow) -> str:
    return "[" + ", ".join(repr(key) for key in row.values) + "]"


def _described() -> str:
    return "; ".join(
        f"{name} ({', '.join(columns.required)})" for name, columns in FORMATS.items()
    )


def _suggestion(row: SourceRow) -> str:
    known = {key for c in FORMATS.values() for key in (*c.required, *c.optional)}
    for key in row.values:
        if key not in known and (hint := nearest(key, sorted(known))):
            return f" Row key {key!r}:{hint}"
    return ""
