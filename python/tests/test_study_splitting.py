"""Train and test parts: near-duplicates together, nothing lost, order of no matter."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest

from vaccine_swift.study.tasks import splitting
from vaccine_swift.study.tasks.splitting import split_rows, train_and_test


def row(text: str, **other: str) -> dict[str, str]:
    return {"instruction": "Say it.", "input": text, "output": "", **other}


def numbered(count: int) -> list[dict[str, str]]:
    return [row(f"sentence number {index}") for index in range(count)]


def texts(rows) -> set[str]:
    return {row["input"] for row in rows}


def test_every_row_is_in_one_part_and_the_share_is_kept():
    rows = numbered(200)
    train, test = split_rows(rows, test_share=0.25)
    assert (len(train), len(test)) == (150, 50)
    assert texts(train) | texts(test) == texts(rows)


def test_the_split_does_not_depend_on_the_order_of_rows():
    rows = numbered(100)
    shuffled = random.Random(1).sample(rows, 100)
    assert split_rows(rows) == split_rows(shuffled)


def test_rows_that_share_eight_words_lie_on_one_side():
    same = "one two three four five six seven eight"
    pairs = [
        (row(f"Start {index}. {same} {index}"), row(f"{same.title()} {index}! End."))
        for index in range(60)
    ]
    train, test = split_rows([one for pair in pairs for one in pair])
    assert len(train) + len(test) == 120
    for pair in pairs:
        sides = [texts([one]) <= texts(test) for one in pair]
        assert sides[0] == sides[1]


def test_chains_of_near_duplicates_lie_on_one_side():
    words = [f"w{index}" for index in range(40)]
    chain = [row(" ".join(words[at : at + 12])) for at in range(0, 28, 4)]
    train, test = split_rows(numbered(50) + chain)
    assert texts(chain) <= texts(train) or texts(chain) <= texts(test)


def test_a_phrase_of_many_rows_is_a_template_and_binds_nothing():
    head = "Please tell me the colour of the thing called"
    train, test = split_rows([row(f"{head} {index}") for index in range(50)])
    assert (len(train), len(test)) == (40, 10)


def test_copies_lie_on_one_side_however_many_there_are():
    rows = numbered(10) + [row("copied text")] * 30
    train, test = split_rows(rows)
    assert ("copied text" in texts(train)) != ("copied text" in texts(test))


def test_without_an_input_the_instruction_is_the_text():
    rows = [row("", instruction=f"Task {index}") for index in range(10)]
    train, test = split_rows(rows)
    assert (len(train), len(test)) == (8, 2)


@pytest.mark.parametrize(
    ("rows", "count"), [(numbered(1), "1 row"), ([row("alike")] * 9, "9 rows")]
)
def test_rows_too_few_or_too_alike_are_refused(rows, count):
    with pytest.raises(ValueError, match=f"got {count} in 1 group$"):
        split_rows(rows)


def test_rows_of_a_test_file_are_left_out_of_training():
    train, test = train_and_test(numbered(10), numbered(3))
    assert texts(test) == texts(numbered(3))
    assert texts(train) == texts(numbered(10)) - texts(test)
    with pytest.raises(ValueError, match="some that are not test rows"):
        train_and_test(numbered(3), numbered(3))


def test_groups_are_those_of_runs_compared_one_by_one():
    """Random texts of few words, some of which go on from others."""
    generator = random.Random(0)
    joined = 0
    for _ in range(300):
        words = generator.choice(["ab", "abc", "a", "abcdefgh"])
        texts = [
            generator.choices(words, k=generator.randint(0, 14))
            for _ in range(generator.randint(0, 14))
        ]
        for index in range(len(texts)):
            if generator.random() < 0.3:
                texts[index] = generator.choice(texts)[generator.randint(0, 3) :]
        found = splitting._groups(texts)
        assert found == compared_one_by_one(texts)
        joined += len(set(found)) < len(set(map(tuple, texts)))
    assert joined > 50


def compared_one_by_one(texts: list[list[str]]) -> list[int]:
    runs = [{tuple(text[at : at + 8]) for at in range(len(text) - 7)} for text in texts]
    holders = Counter(run for own in runs for run in own)
    group = list(range(len(texts)))
    for one, other in itertools.combinations(range(len(texts)), 2):
        shared = any(holders[run] <= 10 for run in runs[one] & runs[other])
        if shared or texts[one] == texts[other]:
            old, new = sorted((group[one], group[other]), reverse=True)
            group = [new if each == old else each for each in group]
    return group
