"""JSON as people write it: an object that names a key twice is refused."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["parse_json"]


class _Doubled(dict[str, Any]):
    """An object that named a key twice."""

    key: str


def parse_json(text: str) -> Any:
    """The value that a text spells.

    Raises
    ------
    ValueError
        When the text is not JSON, is nested too deeply, or names a key of one object
        twice, of which a reader could only guess one; says where.

    Examples
    --------
    >>> parse_json('[{"a": 1}, {"b": 2, "b": 3}]')
    Traceback (most recent call last):
    ValueError: the key 'b' is given twice in [1]
    """
    doubled: list[_Doubled] = []

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        marked = _Doubled(made)
        names = [name for name, _ in pairs]
        marked.key = next(name for name in names if names.count(name) > 1)
        doubled.append(marked)
        return marked

    try:
        value = json.loads(text, object_pairs_hook=made)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, " if "\n" in text else ""
        raise ValueError(f"{error.msg} ({at}column {error.colno})") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if doubled:
        place = _trail(value, doubled[0])
        where = f" in {place}" if place else ""
        raise ValueError(f"the key {doubled[0].key!r} is given twice{where}")
    return value


def _trail(value: Any, wanted: _Doubled) -> str | None:
    """Where in a value an object is, such as ``[2]['messages'][0]``."""
    if value is wanted:
        return ""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        trail = _trail(inner, wanted)
        if trail is not None:
            return f"[{key!r}]{trail}"
    return None
