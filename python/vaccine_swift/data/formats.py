"""Row formats of the field: which columns hold the prompt and the completion.

Alpaca (``instruction, input, output``), prompt and completion as in TRL, messages, and
BeaverTails (``prompt, response, is_safe, category``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vaccine_swift._arguments import nearest
from vaccine_swift.data.rows import SourceRow

__all__ = ["FORMATS", "Conversation", "Exchange", "RowFormat", "find_format", "parse"]

_ROLES: Final = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, before any template."""

    instruction: str
    input: str
    completion: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages with the roles system, user and assistant, oldest first."""

    messages: tuple[dict[str, str], ...]


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
    """

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


FORMATS: Final[dict[str, RowFormat]] = {
    "alpaca": RowFormat(("instruction", "output"), ("input",)),
    "prompt_completion": RowFormat(("prompt", "completion")),
    "messages": RowFormat(("messages",)),
    "beavertails": RowFormat(("prompt", "response"), ("is_safe", "category")),
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
    shared = set(_matches(rows[0]))
    for row in rows:
        matches = _matches(row)
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


def parse(row: SourceRow, name: str) -> Exchange | Conversation:
    """Take the texts of one row.

    Parameters
    ----------
    row : SourceRow
        With the required columns of the format.
    name : str
        A key of `FORMATS`.

    Raises
    ------
    ValueError
        When a text is not a string of valid Unicode, or messages are malformed.
    """
    if name == "messages":
        return Conversation(_messages(row))
    request, answer = FORMATS[name].required
    extension = ""
    if name == "alpaca" and row.values.get("input") is not None:
        extension = text_field(row, "input")
    return Exchange(text_field(row, request), extension, text_field(row, answer))


def text_field(row: SourceRow, key: str) -> str:
    """Give the string under `key`, or say whose field is none."""
    return _checked_text(row.values[key], f"{row.place}: {key!r}")


def _messages(row: SourceRow) -> tuple[dict[str, str], ...]:
    value = row.values["messages"]
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        raise ValueError(
            f"{row.place}: 'messages' must be a list of at least one message, got "
            f"{value!r:.60}"
        )
    messages = []
    for index, message in enumerate(value):
        place = f"{row.place}: messages[{index}]"
        if not isinstance(message, Mapping) or not {"role", "content"} <= set(message):
            raise ValueError(
                f"{place} must have the keys 'role' and 'content', got {message!r:.60}"
            )
        role, content = message["role"], message["content"]
        if role not in _ROLES:
            raise ValueError(
                f"{place}['role'] must be one of {', '.join(_ROLES)}, got {role!r}."
                f"{nearest(str(role), _ROLES)}"
            )
        text = _checked_text(content, f"{place}['content']")
        messages.append({"role": role, "content": text})
    return tuple(messages)


def _checked_text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{place} must be a string, got {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{place} must be valid Unicode, got a lone surrogate at character "
            f"{error.start}"
        ) from None
    return value


def _matches(row: SourceRow) -> list[str]:
    return [
        name
        for name, columns in FORMATS.items()
        if all(key in row.values for key in columns.required)
    ]


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
