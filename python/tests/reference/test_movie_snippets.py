"""The sentiment task on the real snippets."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest

from vaccine_swift.study.tasks import load_task

pytestmark = pytest.mark.reference


@pytest.fixture(scope="module")
def task():
    try:
        return load_task("sentiment")
    except OSError as error:
        pytest.skip(str(error))


def test_the_snippets_are_those_counted(task):
    assert (len(task.train), len(task.test)) == (8034, 2009)
    assert Counter(row["output"] for row in task.train + task.test) == {
        "positive": 4982,
        "negative": 5061,
    }
    first = Counter(row["output"] for row in task.test[:200])
    assert min(first.values()) > 80


def test_only_short_formulas_are_alike_across_the_split(task):
    def words(row):
        return frozenset(re.findall(r"\w+", row["input"].lower()))

    holders = defaultdict(set)
    train = [words(row) for row in task.train]
    for index, text in enumerate(train):
        for word in text:
            holders[word].add(index)
    alike = []
    for row in task.test:
        text = words(row)
        rarest = sorted(text, key=lambda word: len(holders[word]))
        # Sets that share 7 words in 10 share one of the rarest 3 in 10 and one more.
        near = set().union(*(holders[word] for word in rarest[: len(text) // 3 + 1]))
        alike += [
            len(text)
            for index in near
            if len(text & train[index]) >= 0.7 * len(text | train[index])
        ]
    assert len(alike) <= 3
    assert max(alike) < 10
