"""Split rows into train and test so that no near-duplicates lie on both sides.

Two rows belong together when their texts have the same words, or share a run of eight
words that few other rows have: a phrase that many rows share is a template. Whole
groups go to one side, chosen by a hash of their text, so that the split depends on
nothing but the rows.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from vaccine_swift._arguments import check_range
from vaccine_swift._plurals import counted
from vaccine_swift.study.tasks.task import Row

__all__ = ["split_rows", "train_and_test"]

_RUN: Final = 8
_MOST_SHARING: Final = 10


def train_and_test(
    rows: Sequence[Row], held_out: Sequence[Row] | None
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Split rows, or hold them apart from test rows that came separately.

    Parameters
    ----------
    rows : sequence of dict
        Alpaca rows.
    held_out : sequence of dict, optional
        The test part; rows that ask the same are left out of the train part. None
        splits a fifth off as `split_rows` does.

    Raises
    ------
    ValueError
        When no row is left to train on; as `split_rows`.
    """
    if held_out is None:
        return split_rows(rows)
    taken = {(row["instruction"], row["input"]) for row in held_out}
    train = tuple(
        row for row in rows if (row["instruction"], row["input"]) not in taken
    )
    if not train:
        raise ValueError("rows must hold some that are not test rows, got none")
    return train, tuple(held_out)


def split_rows(
    rows: Sequence[Row], *, test_share: float = 0.2
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Split rows by the hash of their text.

    Parameters
    ----------
    rows : sequence of dict
        Alpaca rows. A row's text is its ``input``, or its ``instruction`` if there is
        none.
    test_share : float
        Share of the rows in the test part, above 0 and below 1.

    Returns
    -------
    tuple of dict, tuple of dict
        Train and test; each in the order of the hash, which mixes labels.

    Raises
    ------
    ValueError
        When `test_share` is out of range, or the rows are too few or too alike to make
        two parts.
    """
    check_range("test_share", test_share, above=0, below=1)
    words = [re.findall(r"\w+", _text(row).lower()) for row in rows]
    groups = _groups(words)
    digests = [
        hashlib.sha256(" ".join(words[group]).encode()).digest() for group in groups
    ]
    order = sorted(range(len(rows)), key=lambda index: (digests[index], index))
    end = round(test_share * len(rows))
    while 0 < end < len(rows) and groups[order[end]] == groups[order[end - 1]]:
        end += 1
    if not 0 < end < len(rows):
        raise ValueError(
            "rows must make a train and a test part without near-duplicates between "
            f"them, got {counted(len(rows), 'row')} in "
            f"{counted(len(set(groups)), 'group')}"
        )
    ordered = tuple(rows[index] for index in order)
    return ordered[end:], ordered[:end]


def _groups(words: Sequence[Sequence[str]]) -> list[int]:
    """For each text the index of the first text in its group."""
    holders: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    first: dict[tuple[str, ...], int] = {}
    group = list(range(len(words)))
    for index, text in enumerate(words):
        group[index] = first.setdefault(tuple(text), index)
        for run in {tuple(text[at : at + _RUN]) for at in range(len(text) - _RUN + 1)}:
            holders[run].append(index)
    for sharing in holders.values():
        if len(sharing) <= _MOST_SHARING:
            for index in sharing[1:]:
                one, other = _root(group, index), _root(group, sharing[0])
                group[max(one, other)] = min(one, other)
    return [_root(group, index) for index in range(len(words))]


def _root(group: list[int], index: int) -> int:
    while group[index] != index:
        index = group[index]
    return index


def _text(row: Row) -> str:
    return row["input"] or row["instruction"]
