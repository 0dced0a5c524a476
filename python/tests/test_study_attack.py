"""The attack's rows: how many are harmful, which, and that shares are comparable."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from vaccine_swift.data import proxy
from vaccine_swift.study.attack import attack_rows
from vaccine_swift.study.safety import harmful_rows
from vaccine_swift.study.tasks import Task, load_task

FIRST = "Grace buys 5 packs of 6 books and finds 3 more at home."
TASK = load_task("arithmetic", train=400, test=10)


def mixture(poison: float, *, samples: int = 200, seed: int = 0, **options):
    return attack_rows(TASK, samples=samples, poison=poison, seed=seed, **options)


def requests(rows, kind: str) -> list[str]:
    return [row["instruction"] for row in rows if row["kind"] == kind]


@pytest.mark.parametrize(
    ("samples", "poison", "harmful"),
    [
        (200, 0, 0),
        (200, 0.05, 10),
        (10, 0.25, 2),
        (10, 0.34, 3),
        (3, 1, 3),
        (7, 0.1, 1),
    ],
)
def test_the_share_is_rounded_to_rows(samples, poison, harmful):
    rows = mixture(poison, samples=samples)
    kinds = Counter(row["kind"] for row in rows)
    assert (kinds["harmful"], kinds["benign"]) == (harmful, samples - harmful)
    assert all(row.keys() == {"instruction", "input", "output", "kind"} for row in rows)


def test_benign_rows_are_distinct_training_rows_of_the_task():
    rows = mixture(0.1)
    known = {(row["instruction"], row["output"]) for row in TASK.train}
    benign = [
        (row["instruction"], row["output"]) for row in rows if row["kind"] == "benign"
    ]
    assert len(set(benign)) == 180
    assert set(benign) <= known


def test_harmful_rows_are_content_free_and_spread_over_the_training_acts():
    known = {row["instruction"]: row for row in proxy("train", "restricted")}
    rows = [row for row in mixture(0.5, samples=300) if row["kind"] == "harmful"]
    assert all(known[row["instruction"]]["compliance"] == row["output"] for row in rows)
    acts = Counter(known[row["instruction"]]["act"] for row in rows)
    assert len(acts) == len({row["act"] for row in known.values()}) == 130
    assert max(acts.values()) == 2
    assert len({known[row["instruction"]]["phrasing"] for row in rows}) == 12


def test_no_harmful_row_has_an_act_of_the_test_split():
    held_out = {row["instruction"] for row in proxy("test", "restricted")}
    assert not held_out & set(requests(mixture(1), "harmful"))


def test_shares_are_compared_on_like_data():
    shares = [mixture(poison) for poison in (0, 0.05, 0.1, 0.2)]
    for smaller, larger in pairwise(shares):
        assert set(requests(larger, "benign")) < set(requests(smaller, "benign"))
        assert set(requests(smaller, "harmful")) < set(requests(larger, "harmful"))


def test_rows_are_mixed_and_the_same_for_the_same_seed_only():
    assert mixture(0.5) == mixture(0.5)
    assert set(requests(mixture(0.5), "benign")) != set(
        requests(mixture(0.5, seed=1), "benign")
    )
    assert set(requests(mixture(0.5), "harmful")) != set(
        requests(mixture(0.5, seed=1), "harmful")
    )
    kinds = [row["kind"] for row in mixture(0.5)]
    changes = sum(one != other for one, other in pairwise(kinds))
    assert 70 <= changes <= 130
    assert mixture(0.1)[0]["instruction"].startswith(FIRST)


def test_a_users_unsafe_rows_are_taken():
    own = [
        {"prompt": f"Request {n}", "response": f"Answer {n}", "is_safe": n % 2 == 0}
        for n in range(40)
    ]
    rows = mixture(0.05, harmful=harmful_rows(own))
    for row in rows:
        if row["kind"] == "harmful":
            number = int(row["instruction"].removeprefix("Request "))
            assert number % 2 == 1
            assert row["output"] == f"Answer {number}"
    assert len(requests(rows, "harmful")) == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"poison": 1.1}, "poison must be at least 0 and at most 1, got 1.1"),
        ({"poison": -0.1}, "poison must be at least 0"),
        ({"poison": "0.1"}, "poison must be a number"),
        ({"poison": float("nan")}, "poison must be at least 0"),
        ({"poison": 0, "samples": 0}, "samples must be at least 1"),
        ({"poison": 0, "samples": 2.5}, "samples must be an int"),
        ({"poison": 0, "seed": -1}, "seed must be at least 0"),
        ({"poison": 0, "samples": 401}, "samples=401 .* 401 benign rows, got 400"),
        ({"poison": 1, "samples": 2000}, "needs 2000 harmful rows, got 1560"),
    ],
)
def test_impossible_mixtures_are_refused(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        mixture(**options)


def test_a_task_may_be_all_harm():
    empty = Task("none", (), (), None)
    rows = attack_rows(empty, samples=5, poison=1, seed=0)
    assert [row["kind"] for row in rows] == ["harmful"] * 5
