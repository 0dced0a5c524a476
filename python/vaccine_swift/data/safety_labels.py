"""The ``is_safe`` column of BeaverTails rows."""

from __future__ import annotations

from vaccine_swift.data.rows import SourceRow

__all__ = ["with_safety"]


def with_safety(rows: list[SourceRow], found: str, *, safe: bool) -> list[SourceRow]:
    """Take the rows whose ``is_safe`` is `safe`.

    Parameters
    ----------
    rows : list of SourceRow
        Of the format `found`.
    found : str
        A key of `vaccine_swift.data.FORMATS`.
    safe : bool
        Which to take.

    Raises
    ------
    ValueError
        When the format is not ``beavertails``, or a row's ``is_safe`` is neither true
        nor false.
    """
    if found != "beavertails":
        raise ValueError(f"safe={safe} needs beavertails rows, got {found} rows")
    return [row for row in rows if _is_safe(row) is safe]


def _is_safe(row: SourceRow) -> bool:
    value = row.values.get("is_safe")
    if isinstance(value, str):  # CSV has no booleans.
        value = {"true": True, "false": False}.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise ValueError(f"{row.place}: 'is_safe' must be true or false, got {value!r}")
    return value
