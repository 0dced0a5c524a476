"""The laws of the evidence over windows and of its alarms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from vaccine_swift import drift
from vaccine_swift.statistics import rank_evidence, rank_log_evidence


@pytest.mark.parametrize("count", [2, 20, 1000])
def test_an_e_value_has_the_mean_1_over_all_ranks(count) -> None:
    values = np.array([rank_evidence(rank, count) for rank in range(1, count + 1)])
    np.testing.assert_allclose(values.mean(0), 1, rtol=1e-12)
    assert (np.diff(values, axis=0) <= 0).all()


def test_evidence_is_the_mean_over_bets_and_starts() -> None:
    ranks = [(3, 20), (1, 50), (20, 20), (1, 20)]
    e_values = np.array([rank_evidence(*each) for each in ranks])
    for steps in range(1, 5):
        expected = 1 / (steps + 1)
        for start in range(1, steps + 1):
            products = e_values[start - 1 : steps].prod(0)
            expected += products.mean() / (start * (start + 1))
        found = rank_log_evidence(ranks)[steps - 1]
        assert math.exp(found) == pytest.approx(expected, rel=1e-12)


def test_the_mean_of_the_evidence_is_1_over_all_courses() -> None:
    courses = itertools.product(range(1, 6), repeat=4)
    final = [rank_log_evidence([(k, 5) for k in each])[-1] for each in courses]
    assert np.exp(final).mean() == pytest.approx(1, rel=1e-12)


def test_evidence_of_many_extreme_ranks_does_not_overflow() -> None:
    course = rank_log_evidence([(1, 2**20)] * 400)
    assert np.isfinite(course).all()
    assert course[-1] > 4000
    assert (np.diff(course) > 0).all()


def test_uniform_ranks_seldom_raise_an_alarm_in_a_long_run() -> None:
    rng = np.random.default_rng(0)
    ever = 0
    for _ in range(300):
        ranks = rng.integers(1, 101, 300).tolist()
        ever += max(rank_log_evidence((rank, 100) for rank in ranks)) >= math.log(20)
    # At most 5 % in the mean; 0.05 · 300 = 15.
    assert 0 < ever <= 15


def alarm(seed, *, n=30, m=10, steps=15, shift=0.0, start=0, most_rows=10_000):
    """The window of the first alarm, None without one."""
    rng = np.random.default_rng([1, seed])
    made = drift.Windows(
        rng.normal(size=(n, 1)),
        tests=["ks"],
        permutations=49,
        seed=seed,
        most_rows=most_rows,
    )
    for step in range(steps):
        made.add(step, rng.normal(size=(m, 1)) + shift * (step >= start))
    return made.report().alarms.get("all")


def test_windows_without_drift_seldom_raise_an_alarm() -> None:
    alarms = [alarm(seed) for seed in range(120)]
    assert sum(each is not None for each in alarms) <= 6  # 5 %


def test_a_pool_that_forgets_keeps_the_law() -> None:
    alarms = [alarm(seed, n=90, m=25, most_rows=100) for seed in range(60)]
    assert sum(each is not None for each in alarms) <= 3  # 5 %


def test_ranks_against_one_reference_would_not_keep_it() -> None:
    """Why windows are compared with the pool: the same evidence, a fixed reference."""
    ever = 0
    for seed in range(40):
        rng = np.random.default_rng([2, seed])
        reference, ranks = rng.normal(size=(8, 1)), []
        for step in range(25):
            found = drift.mmd(
                reference,
                rng.normal(size=(100, 1)),
                permutations=49,
                seed=1000 * seed + step,
            )
            ranks.append((round(50 * found.p_value), 50))
        ever += max(rank_log_evidence(ranks)) >= math.log(20)
    # At 5 %, 2 are expected; 6 or more have a chance below 0.02.
    assert ever >= 6


def test_a_drift_raises_an_alarm_soon_after_it_began() -> None:
    found = [alarm(seed, n=100, m=50, shift=1.0, start=5) for seed in range(20)]
    assert all(each is not None and 5 <= int(each) <= 8 for each in found)
    small = [alarm(seed, n=200, m=50, shift=0.5, start=5) for seed in range(20)]
    assert sum(each is not None and int(each) >= 5 for each in small) >= 14
