"""What an accumulator adds: rows at hand, or rows that are read piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy.typing as npt

from vaccine_swift._plurals import counted
from vaccine_swift.drift.embedding_file import Asked
from vaccine_swift.drift.groups import group_masks, row_groups
from vaccine_swift.drift.ids import sequence
from vaccine_swift.drift.pairs import Pair, pairs
from vaccine_swift.drift.rows import NOT_PAIRS, layer_rows
from vaccine_swift.drift.sizes import byte_count
from vaccine_swift.drift.sources import side_of
from vaccine_swift.drift.state import State, Update
from vaccine_swift.drift.watch import Progress, Watch

__all__ = ["checked_update", "read_part"]

_BATCHES: Final = 16
"""Of a piece: what is read and what is made of it are held together for one only."""


def checked_update(
    state: State, reference: Any, current: Any, ids: Any, groups: Any
) -> tuple[Update, list[npt.NDArray[Any]], list[npt.NDArray[Any]]]:
    """What `State.add` takes, of prompts that the state has not seen.

    Raises
    ------
    TypeError, ValueError
        As `Accumulator.update`.
    """
    x = layer_rows(reference, "reference", layers=state.layers, width=state.width)
    y = layer_rows(current, "current", layers=state.layers, width=state.width)
    if x[0].shape != y[0].shape:
        raise ValueError(
            f"current must have the reference's {counted(len(x[0]), 'row')}, row i of "
            f"both the same prompt, got {len(y[0])}; {NOT_PAIRS}"
        )
    update = Update.of(ids, len(x[0]), group_masks(groups, len(x[0])))
    state.check_new(update.prompts, update.keys)
    return update, x, y


def read_part(
    state: State,
    reference: Any,
    current: Any,
    *,
    ids: Any,
    groups: Any,
    column: str | Sequence[str] | None,
    memory: str | int,
    progress: Progress,
) -> State:
    """A state like this one of rows that are read; arguments of `Accumulator.extend`.

    Raises
    ------
    FileNotFoundError, ImportError, TypeError, ValueError
        As there.
    """
    with Watch(progress) as watch:
        rows = max(1, byte_count(memory) // (16 * state.layers * state.width))
        asked = Asked(
            column,
            ids if isinstance(ids, str) else None,
            groups if isinstance(groups, str) else None,
            rows=max(1, rows // _BATCHES),
        )
        x = side_of(reference, "reference", asked)
        if asked.labels is not None and not x.columns:
            raise ValueError(
                f"reference has no columns, groups={groups} cannot be found"
            )
        other = replace(asked, labels=None, beside=asked.labels)
        y = side_of(current, "current", other)
        told = watch.stage("rows", x.total or y.total, unit=" rows")
        part = state.like()
        for pair in pairs(
            x,
            y,
            rows,
            ids=None if isinstance(ids, str) else sequence(ids, "ids"),
            groups=None if isinstance(groups, str) else row_groups(groups),
        ):
            _add(part, pair, state)
            if told is not None:
                told(part.rows)
    return part


def _add(part: State, pair: Pair, known: State) -> None:
    """Add rows whose prompts are new to the part and to what is known."""
    try:
        update, x, y = checked_update(
            known, pair.reference, pair.current, pair.ids, pair.groups
        )
        try:
            part.check_new(update.prompts, update.keys)
        except ValueError as error:
            raise ValueError(
                f"{error}; rows of a prompt must follow each other"
            ) from None
        part.add(update, x, y)
    except (TypeError, ValueError) as error:
        if not pair.start:
            raise
        stop = pair.start + pair.reference.shape[-2]
        raise type(error)(
            f"in rows {pair.start} to {stop - 1}, counted from the first of these: "
            f"{error}"
        ) from error
