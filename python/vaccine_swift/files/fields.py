"""Fields of dataclasses out of files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

__all__ = ["check_fields"]


def check_fields(cls: type, values: Mapping[str, Any]) -> None:
    """Check that values have the types of a dataclass's fields, and counts are counts.

    Raises
    ------
    ValueError
        When one has not; names the field.

    Examples
    --------
    >>> from dataclasses import make_dataclass
    >>> check_fields(make_dataclass("Place", [("step", int)]), {"step": "7"})
    Traceback (most recent call last):
    ValueError: step must be int, got '7'
    """
    hints = get_type_hints(cls)
    for name, value in values.items():
        hint = hints[name]
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        plain = {get_origin(kind) or kind for kind in kinds}
        if not _fits(value, plain):
            named = " or ".join(
                "None" if kind is NoneType else kind.__name__ for kind in plain
            )
            raise ValueError(f"{name} must be {named}, got {value!r}")


def _fits(value: Any, kinds: set[type]) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, int):
        within = -(2**63) if float in kinds else 0
        return bool(kinds & {int, float}) and within <= value < 2**63
    if isinstance(value, float):
        return float in kinds and math.isfinite(value)
    return type(value) in kinds
