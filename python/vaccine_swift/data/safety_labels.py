"""Columns that say whether a row's answer is safe.

``is_safe`` of BeaverTails and its like; ``response_label`` of Aegis and
``response_harm_label`` of WildGuard; ``label`` beside prompt and completion, by which
TRL's unpaired preferences (KTO) tell good answers from bad ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from vaccine_swift.data.marks import as_bool
from vaccine_swift.data.rows import SourceRow

__all__ = ["SafeRows", "Safety", "check_safe", "with_safety"]

Safety: TypeAlias = bool | Literal["marked"] | None

_SAFE_IF_TRUE: Final = ("is_safe", "safe", "is_response_safe", "response_is_safe")
_UNSAFE_IF_TRUE: Final = (
    *("unsafe", "is_unsafe", "harmful", "is_harmful"),
    *("toxic", "is_toxic", "flagged", "is_flagged"),
)
_NAMED: Final = ("safety", "safety_label", "response_label", "response_harm_label")
_NAMES: Final = {
    **dict.fromkeys(("safe", "unharmful", "harmless", "benign"), True),
    **dict.fromkeys(("unsafe", "harmful", "toxic"), False),
}
_LABEL: Final = "label"
_LABELLED: Final = ("prompt", "completion", _LABEL)


class SafeRows(NamedTuple):
    """The rows that are taken, and by which column others were left out."""

    rows: list[SourceRow]
    column: str | None
    left_out: int


def check_safe(safe: object) -> None:
    """Refuse what `with_safety` does not take.

    Raises
    ------
    TypeError
        When `safe` is neither a bool, None nor "marked".
    """
    if not (safe is None or isinstance(safe, bool) or safe == "marked"):
        raise TypeError(
            f"safe must be True, False or None, got {safe!r}; left out it is 'marked'"
        )


def with_safety(rows: list[SourceRow], found: str, *, safe: Safety) -> SafeRows:
    """Take rows by what they say of their safety.

    Parameters
    ----------
    rows : list of SourceRow
        Of the format `found`.
    found : str
        A key of `vaccine_swift.data.FORMATS`.
    safe : bool, "marked" or None
        Which to take. "marked" leaves out the rows that are marked as unsafe, and
        takes all where no row has a mark; None takes all.

    Raises
    ------
    ValueError
        When `safe` is a bool and no row has a mark; when some rows have one and others
        have none, or a mark says neither.
    """
    if safe is None:
        return SafeRows(rows, None, 0)
    columns = _columns(rows)
    if not columns:
        if safe == "marked":
            return SafeRows(rows, None, 0)
        if found != "beavertails":
            raise ValueError(f"safe={safe} needs beavertails rows, got {found} rows")
        columns = ["is_safe"]
    wanted = safe if isinstance(safe, bool) else True
    taken = [
        row
        for row in rows
        if all(_is_safe(row, column) for column in columns) is wanted
    ]
    names = " and ".join(map(repr, columns))
    return SafeRows(taken, names, len(rows) - len(taken))


def _columns(rows: Sequence[SourceRow]) -> list[str]:
    """The columns of some row that tell of safety."""
    known = (*_SAFE_IF_TRUE, *_UNSAFE_IF_TRUE, *_NAMED)
    columns = [name for name in known if any(name in row.values for row in rows)]
    if all(_is_labelled(row) for row in rows):
        columns.append(_LABEL)
    return columns


def _is_labelled(row: SourceRow) -> bool:
    """Whether a row is an unpaired preference; a class of numbers is not a mark."""
    if not all(key in row.values for key in _LABELLED):
        return False
    label = row.values[_LABEL]
    return isinstance(label, bool | str) and as_bool(label) is not None


def _is_safe(row: SourceRow, column: str) -> bool:
    value = row.values.get(column)
    found = as_bool(value)
    if column in _NAMED and isinstance(value, str):
        found = _NAMES.get(value.strip().lower())
    if found is None:
        expected = "safe or unsafe" if column in _NAMED else "true or false"
        raise ValueError(f"{row.place}: {column!r} must be {expected}, got {value!r}")
    return not found if column in _UNSAFE_IF_TRUE else found
