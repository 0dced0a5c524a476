"""The key/value pairs of a GGUF file, each checked for its type where it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import numpy as np

__all__ = ["Kind", "plain_number", "read_field"]

Kind = Literal["integer", "number", "text", "flag", "texts", "integers", "numbers"]


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, float) or _is_integer(value)


def _all(*types: type) -> Callable[[object], bool]:
    """Whether it is a list of these types alone; vocabularies are read often."""
    return lambda value: isinstance(value, list) and {*map(type, value)} <= {*types}


_KINDS: Final[dict[str, tuple[str, Callable[[object], bool]]]] = {
    "integer": ("an integer", _is_integer),
    "number": ("a number", _is_number),
    "text": ("a string", lambda value: isinstance(value, str)),
    "flag": ("true or false", lambda value: isinstance(value, bool)),
    "texts": ("an array of strings", _all(str)),
    "integers": ("an array of integers", _all(int)),
    "numbers": ("an array of numbers", _all(int, float)),
}


def read_field(
    metadata: Mapping[str, Any], key: str, kind: Kind, default: Any = None
) -> Any:
    """The value under a key, `default` where there is none.

    Parameters
    ----------
    metadata : mapping
        The file's key/value pairs.
    key : str
        Among them or not.
    kind : str
        Of which type the value must be.
    default : object
        Returned as it is.

    Raises
    ------
    ValueError
        When the value is of another type; names the key.

    Examples
    --------
    >>> read_field({"llama.block_count": 2}, "llama.block_count", "integer")
    2
    """
    if key not in metadata:
        return default
    value = metadata[key]
    expected, check = _KINDS[kind]
    if not check(value):
        shown = repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}…"
        raise ValueError(f"{key} must be {expected}, got {shown}")
    return value


def plain_number(value: Any) -> Any:
    """A float32 as the shortest decimal that rounds to it: 1e-05, not 9.99…e-06."""
    if isinstance(value, float) and float(np.float32(value)) == value:
        return float(str(np.float32(value)))
    return value
