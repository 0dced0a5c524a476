"""Both sides of a paired measurement, piece by piece, a prompt's rows together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift._plurals import counted
from vaccine_swift.drift.rows import NOT_PAIRS
from vaccine_swift.drift.sides import Piece, Side

__all__ = ["Pair", "pairs"]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Rows of both sides, those of whole prompts.

    Parameters
    ----------
    start : int
        The number of the first row.
    reference, current : array [N, d] or [L, N, d]
    ids : sequence of N
    groups : mapping, sequence of N labels, or None
        As `Accumulator.update` takes them.
    """

    start: int
    reference: npt.NDArray[Any]
    current: npt.NDArray[Any]
    ids: Any
    groups: Any


def pairs(
    reference: Side, current: Side, count: int, *, ids: Any, groups: Any
) -> Iterator[Pair]:
    """Rows of both sides, about `count` at a time.

    Parameters
    ----------
    reference, current : Side
    count : int
        A piece has more rows where a prompt does.
    ids : sequence of N, or None
        None: those that the sides have.
    groups : mapping of masks, sequence of labels, or None
        None: the reference's labels, if any.

    Raises
    ------
    ValueError
        When sides or ids differ in length, the sides' ids differ, or there are none.
    """
    start, wanted = 0, count
    while True:
        x, y = reference.view(wanted), current.view(wanted)
        if x is None or y is None:
            break
        rows = min(len(x), len(y))
        own = _ids(x, y, ids, start, rows)
        whole = rows if rows < wanted else _complete(own)
        if not whole:
            wanted *= 2
            continue
        part = slice(whole)
        yield Pair(
            start,
            x.rows(part).values,
            y.rows(part).values,
            own[part],
            _groups(groups, x, start, whole),
        )
        reference.drop(whole)
        current.drop(whole)
        start, wanted = start + whole, count
    _check_end(start, x, y, ids)


def _ids(x: Piece, y: Piece, given: Any, start: int, rows: int) -> Any:
    if given is not None:
        own = given[start : start + rows]
        if len(own) < rows:
            raise ValueError(
                f"ids must have one id for each row, got {start + len(own)} of them "
                "for more rows"
            )
        return own
    if x.ids is None and y.ids is None:
        raise ValueError(
            "ids must be given where no side has a column of them: nothing says that "
            f"row i of both is the same prompt; {NOT_PAIRS}"
        )
    if x.ids is None or y.ids is None:
        known = x.ids if y.ids is None else y.ids
        return known[:rows] if known is not None else None
    differ = np.flatnonzero(x.ids[:rows] != y.ids[:rows])
    if differ.size:
        place = int(differ[0])
        first, second = (ids[place : place + 1].tolist()[0] for ids in (x.ids, y.ids))
        raise ValueError(
            f"ids of both sides must be equal, but row {start + place} is of {first!r} "
            f"in reference and of {second!r} in current; rows must be in one order; "
            f"{NOT_PAIRS}"
        )
    return x.ids[:rows]


def _complete(ids: Any) -> int:
    """Rows before those of the last prompt, which may go on."""
    last, place = ids[-1], len(ids) - 1
    while place and ids[place - 1] == last:
        place -= 1
    return place


def _groups(groups: Any, reference: Piece, start: int, rows: int) -> Any:
    if groups is None:
        return None if reference.labels is None else reference.labels[:rows]
    part = slice(start, start + rows)
    if isinstance(groups, Mapping):
        return {name: mask[part] for name, mask in groups.items()}
    return groups[part]


def _check_end(rows: int, x: Piece | None, y: Piece | None, ids: Any) -> None:
    if x is not None or y is not None:
        longer, shorter = (
            ("reference", "current") if y is None else ("current", "reference")
        )
        raise ValueError(
            f"{shorter} must have the rows of {longer}, but ends after {rows}; "
            f"{NOT_PAIRS}"
        )
    if not rows:
        raise ValueError("reference must have at least one row, got none")
    if ids is not None and len(ids) != rows:
        raise ValueError(
            f"ids must have one id for each of {counted(rows, 'row')}, got {len(ids)}"
        )
