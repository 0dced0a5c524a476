"""Any value as JSON: numpy's numbers, NaN and infinity, dates and paths among them."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

__all__ = ["json_text", "plain"]


def plain(value: Any) -> Any:
    """A value in JSON's types alone.

    Numbers that JSON lacks (NaN, ±infinity) become None. Arrays and their like become
    lists, or a number where they have no dimension; dates and times have the form of
    ISO 8601; what else JSON has no form for becomes its text.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"loss": np.float32(0.5), "norm": float("nan"), "ids": np.arange(2)})
    {'loss': 0.5, 'norm': None, 'ids': [0, 1]}
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | AbstractSet):
        return [plain(each) for each in value]
    listed = getattr(value, "tolist", None)  # of numpy, torch, JAX
    if callable(listed) and not isinstance(value, type):
        inner = listed()
        return str(value) if type(inner) is type(value) else plain(inner)
    return str(value)


def json_text(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """`plain` of a value as JSON that UTF-8 can hold, escaped only where it must be."""
    settings: dict[str, Any] = {
        "indent": indent,
        "sort_keys": sort_keys,
        "allow_nan": False,
    }
    value = plain(value)
    text = json.dumps(value, ensure_ascii=False, **settings)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, **settings)
    return text
