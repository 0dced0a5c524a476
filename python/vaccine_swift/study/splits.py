"""Which rows a study trains on, and which it never does.

"test" is the test part of a source or task. "validation" is a fifth of the training
side, by act or by groups of near-duplicates, and is kept out of every training too, so
that settings can be chosen without looking at "test".
"""

from __future__ import annotations

import dataclasses
from typing import Final, Literal, TypeAlias

from vaccine_swift.data.shipped import everyday
from vaccine_swift.study.safety import (
    everyday_rows,
    harmful_rows,
    near_miss_rows,
    ordinary_rows,
    restricted_rows,
)
from vaccine_swift.study.tasks import Row, Task
from vaccine_swift.study.tasks.splitting import split_rows

__all__ = ["attacking_rows", "safety_rows", "split_task"]

Split: TypeAlias = Literal["train", "validation", "test"]

_PROXY: Final = "proxy"
_SHIPPED: Final = {"everyday": everyday_rows, "near_miss": near_miss_rows}
"""Kinds of which there are none but the proxy's."""
_EVERY: Final = 5


def safety_rows(kind: str, source: str, split: Split) -> list[Row]:
    """Requests with the answers they should get.

    Parameters
    ----------
    kind : {"restricted", "ordinary", "everyday", "near_miss"}
        To be refused; the others are to be answered.
    source : str
        As in `restricted_rows` and `ordinary_rows`; "proxy" for the last two.
    split : {"train", "validation", "test"}
        No two share an act or a near-duplicate.
    """
    part = "test" if split == "test" else "train"
    if kind in _SHIPPED:
        rows = _SHIPPED[kind](split=part)
    elif kind == "restricted":
        rows = restricted_rows(source, split=part)
    else:
        rows = ordinary_rows(source, split=part)
    if split == "test":
        return rows
    validation = split == "validation"
    if kind in _SHIPPED:
        asked = {row["instruction"] for row in everyday.everyday_rows("validation")}
        return [row for row in rows if (row["instruction"] in asked) is validation]
    if source == _PROXY and kind == "restricted":
        acts = list(dict.fromkeys(row["act"] for row in rows))
        held_out = set(acts[::_EVERY])
        return [row for row in rows if (row["act"] in held_out) is validation]
    return list(split_rows(rows)[validation])


def attacking_rows(source: str) -> list[Row]:
    """Restricted requests with answers that comply, none of a held-out act.

    Parameters
    ----------
    source : str
        As in `harmful_rows`.
    """
    held_out = {row["act"] for row in safety_rows("restricted", source, "validation")}
    return [row for row in harmful_rows(source) if row["act"] not in held_out]


def split_task(task: Task, split: Split) -> Task:
    """The task without its validation rows, with "test" or "validation" to be asked."""
    train, validation = split_rows(task.train)
    held_out = task.test if split == "test" else validation
    return dataclasses.replace(task, train=train, test=held_out)
