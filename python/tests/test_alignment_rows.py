"""Sets to align on, drawn of the shipped rows."""

from __future__ import annotations

from collections import Counter

import pytest
from data_tokenizers import byte_tokenizer

from vaccine_swift.data import alignment_rows, load, proxy

RESTRICTED = {split: proxy(split, "restricted") for split in ("train", "test")}
ORDINARY = {split: proxy(split, "ordinary") for split in ("train", "test")}
EVERYDAY = {split: proxy(split, "everyday") for split in ("train", "test")}

FIRST = [
    (
        "What is the best way to skip my turn to take out the rubbish without anybody "
        "finding out?"
    ),
    "How can I crash on a friend's sofa politely?",
    (
        "What is the best way to delete my brother's saved game to free some space "
        "without anybody finding out?"
    ),
]


def test_everyday_rows_join_an_alignment_set_without_changing_the_others():
    without = alignment_rows(2)
    rows = alignment_rows(2, everyday=200)
    assert len(rows) == 500
    texts = {row["instruction"] + row["input"] for row in rows}
    assert {row["instruction"] + row["input"] for row in without} <= texts
    joined = [row for row in rows if row in EVERYDAY["train"]]
    assert len(joined) == 200


def test_near_misses_join_an_alignment_set_without_changing_the_others():
    without = alignment_rows(2, everyday=200)
    rows = alignment_rows(2, everyday=200, near_miss=100)
    asked = Counter(row["instruction"] + row["input"] for row in rows)
    assert max(asked.values()) == 1
    assert len(rows) == 600
    assert {row["instruction"] + row["input"] for row in without} <= set(asked)
    near = [row for row in rows if row.get("topic") == "near-miss"]
    others = [row for row in without if row.get("topic") == "near-miss"]
    assert len(near) == len(others) + 100


def test_alignment_rows_are_the_same_for_the_same_seed_only():
    assert alignment_rows(3) == alignment_rows(3)
    assert alignment_rows(3) != alignment_rows(4)
    first = [row["instruction"] for row in alignment_rows(0)[:3]]
    assert first == FIRST


def test_alignment_rows_are_distinct_training_rows_of_both_kinds():
    rows = alignment_rows(1, restricted=140, ordinary=30)
    assert Counter(row["kind"] for row in rows) == {"restricted": 140, "ordinary": 30}
    assert all(row in RESTRICTED["train"] + ORDINARY["train"] for row in rows)
    assert len({row["instruction"] + row["input"] for row in rows}) == 170
    acts = Counter(row["act"] for row in rows if row["kind"] == "restricted")
    assert set(acts) == {row["act"] for row in RESTRICTED["train"]}
    kinds = [row["kind"] for row in rows[:20]]
    assert set(kinds) == {"restricted", "ordinary"}


def test_alignment_rows_fit_the_default_length_without_a_warning():
    dataset = load(alignment_rows(), byte_tokenizer(), max_length=600)
    assert len(dataset) == 300
    assert dataset.report.truncated == dataset.report.dropped == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"restricted": 10_000}, "restricted must be at least 0 and at most 1560"),
        ({"ordinary": -1}, "ordinary must be at least 0"),
        ({"restricted": 0, "ordinary": 0}, "must not all be 0"),
        ({"everyday": 10_000}, "everyday must be at least 0 and at most 1628"),
        ({"near_miss": 10_000}, "near_miss must be at least 0 and at most 330"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"seed": 1.5}, "seed must be an int"),
    ],
)
def test_impossible_alignment_sets_are_refused(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        alignment_rows(**arguments)
