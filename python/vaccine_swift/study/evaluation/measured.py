"""What a measurement of a model gives, and the rows that it asks about."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vaccine_swift._arguments import check_range
from vaccine_swift._short_repr import short_repr
from vaccine_swift.study.tasks import Row

__all__ = ["Measured", "first_rows", "request", "score", "unit_ids"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One number about a model, with what it is made of.

    Parameters
    ----------
    name : str
        Of the function that measured it, such as ``"harmful_score"``.
    value : float
        A function of the mean of `units`: 100 times it for scores (percent), the mean
        itself for the refusal margin, its exponential for perplexity.
    units : list of int or float
        One for each row that was asked, in order; 0 or 1 for scores.
    unit_ids : list of str
        Which row that was: its act, or a digest of its request where it has none. Rows
        of one act depend on each other.
    profile : str
        How it was measured. Values of different profiles do not compare.
    details : dict
        Settings and counts, never a text: ``rows`` used, ``asked`` by the profile or
        the limit, ``template``, and more.
    sizes : list of float, optional
        Where the value is a ratio, such as nats per token: what each row adds to the
        denominator, 1 on average. Other rows would change both sums.
    """

    name: str
    value: float
    units: Sequence[float]
    unit_ids: list[str]
    profile: str
    details: dict[str, Any]
    sizes: list[float] | None = None

    __repr__ = short_repr


def score(
    name: str,
    hits: Sequence[bool],
    rows: Sequence[Row],
    *,
    profile: str,
    details: dict[str, Any],
) -> Measured:
    """The percentage of rows that are hits."""
    units = [int(hit) for hit in hits]
    value = 100 * statistics.fmean(units)
    return Measured(name, value, units, unit_ids(rows), profile, details)


def first_rows(
    rows: Sequence[Row], count: int, limit: int | None
) -> tuple[list[Row], dict[str, Any]]:
    """The first `limit` rows, or `count`, or all where there are fewer.

    Returns
    -------
    rows, details
        ``details`` has the number of rows used and of those asked for.

    Raises
    ------
    TypeError, ValueError
        When `limit` is no int or below 1; when there is no row, or one is no Alpaca
        row.
    """
    if limit is not None:
        check_range("limit", limit, minimum=1, integer=True)
    asked = count if limit is None else limit
    chosen = list(rows[:asked])
    if not chosen:
        raise ValueError("rows must hold at least one row, got none")
    for index, row in enumerate(chosen):
        if not isinstance(row, Mapping):
            raise TypeError(f"rows[{index}] must be a dict, got {type(row).__name__}")
        if "instruction" not in row:
            raise ValueError(
                f"rows[{index}] must have the key 'instruction', got {list(row)!r}"
            )
    return chosen, {"rows": len(chosen), "asked": asked}


def request(row: Row) -> str:
    """What a row asks: its instruction and its input."""
    return "\n\n".join(filter(None, (row["instruction"], row.get("input"))))


def unit_ids(rows: Sequence[Row]) -> list[str]:
    """The act of each row, or a digest of its request."""
    return [row.get("act") or digest(request(row)) for row in rows]


def digest(text: str) -> str:
    """Twelve hexadecimal digits that stand for a text."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
