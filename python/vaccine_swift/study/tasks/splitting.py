"""Split rows into train and test so that no near-duplicates lie on both sides.

Two rows belong together when their texts have the same words, or share a run of eight
words that few other rows have: a phrase that many rows share is a template. Whole
groups go to one side, chosen by a hash of their text, so that the split depends on
nothing but the rows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from vaccine_swift._arguments import check_range
from vaccine_swift._plurals import counted
from vaccine_swift.study.tasks.task import Row

__all__ = ["split_rows", "train_and_test"]

_HALVES: Final = (1, 2, 4)
_RUN: Final = 2 * _HALVES[-1]
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
    first: dict[tuple[str, ...], int] = {}
    group = [first.setdefault(tuple(text), index) for index, text in enumerate(words)]
    for sharing in _sharing(words):
        for index in sharing[1:]:
            one, other = _root(group, index), _root(group, sharing[0])
            group[max(one, other)] = min(one, other)
    return [_root(group, index) for index in range(len(words))]


def _sharing(words: Sequence[Sequence[str]]) -> Iterator[list[int]]:
    """The texts, in rising order, of each run of words that few of them share."""
    numbers: dict[str, int] = {}
    lengths = [len(text) for text in words]
    # Equal numbers stand for equal words, then runs of 2, 4 and 8 words from there on.
    runs = np.array(
        [numbers.setdefault(word, len(numbers)) for text in words for word in text],
        np.int64,
    )
    for width in _HALVES:
        pairs = runs[:-width] * (runs.max(initial=0) + 1) + runs[width:]
        runs = np.unique(pairs, return_inverse=True)[1]
    text = np.repeat(np.arange(len(words)), lengths)[: runs.size]
    inside = np.arange(runs.size) + _RUN <= np.cumsum(lengths)[text]
    held = np.unique(runs[inside] * len(words) + text[inside])
    runs, text = np.divmod(held, len(words))
    _, starts, counts = np.unique(runs, return_index=True, return_counts=True)
    few = (counts > 1) & (counts <= _MOST_SHARING)
    for start, count in zip(starts[few], counts[few], strict=True):
        yield text[start : start + count].tolist()


def _root(group: list[int], index: int) -> int:
    while group[index] != index:
        index = group[index]
    return index


def _text(row: Row) -> str:
    return row["input"] or row["instruction"]
