"""Intervals against scipy, and what rows of one act do to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from vaccine_swift.study.evaluation import Measured, interval, wilson


def measured(name: str, units: list[float], ids: list[str]) -> Measured:
    return Measured(name, math.nan, units, ids, "laptop", {})


def names(count: int) -> list[str]:
    return [str(index) for index in range(count)]


@pytest.mark.parametrize(("hits", "count"), [(0, 7), (3, 7), (7, 7), (41, 500)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_equals_scipy(hits, count, confidence) -> None:
    test = stats.binomtest(hits, count)
    expected = test.proportion_ci(confidence, method="wilson")
    found = wilson(hits / count, count, confidence=confidence)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_rows_of_different_acts_give_wilson_in_percent() -> None:
    units = [1, 0, 0, 1, 0, 0, 0, 1, 0, 0]
    found = interval(measured("harmful_score", units, names(10)))
    assert found == pytest.approx([100 * end for end in wilson(0.3, 10)])


@pytest.mark.parametrize("units", [[1, 0, 0, 1, 0, 0], [0] * 6, [1] * 6])
def test_a_second_phrasing_that_agrees_adds_nothing(units) -> None:
    once = interval(measured("harmful_score", units, names(6)))
    twice = interval(measured("harmful_score", units * 2, names(6) * 2))
    assert twice == pytest.approx(once)


def test_acts_that_balance_out_never_count_for_more_than_their_rows() -> None:
    found = interval(measured("harmful_score", [1, 0] * 6, sorted(names(6) * 2)))
    assert found == pytest.approx([100 * end for end in wilson(0.5, 12)])


def test_a_margin_has_the_interval_of_a_mean() -> None:
    units = np.random.default_rng(0).normal(1, 2, 30)
    half = stats.norm.ppf(0.975) * stats.sem(units)
    found = interval(measured("refusal_margin", units.tolist(), names(30)))
    assert found == pytest.approx((units.mean() - half, units.mean() + half))
    exponential = interval(measured("perplexity", units.tolist(), names(30)))
    assert exponential == pytest.approx(np.exp(found))


def test_rows_of_one_act_have_the_variance_of_their_sums() -> None:
    # Deviations from the mean 3 sum to -4, 2, 2; variance (16 + 4 + 4) / 36 · 3 / 2.
    units, ids = [1.0, 1.0, 4.0, 4.0, 4.0, 4.0], list("aabbcc")
    low, high = interval(measured("refusal_margin", units, ids))
    assert (low + high) / 2 == pytest.approx(3)
    assert (high - low) / 2 == pytest.approx(stats.norm.ppf(0.975))


def nats(tokens: list[int], per_token: list[float]) -> Measured:
    """Texts of so many tokens and nats per token."""
    counts, rates = np.array(tokens), np.array(per_token)
    scale = len(tokens) / counts.sum()
    units, sizes = (counts * rates * scale).tolist(), (counts * scale).tolist()
    ids = names(len(tokens))
    return Measured("perplexity", math.nan, units, ids, "laptop", {}, sizes)


def test_texts_of_one_rate_and_any_length_leave_no_doubt() -> None:
    assert interval(nats([3, 90, 1000], [2.5] * 3)) == pytest.approx(
        [math.exp(2.5)] * 2
    )


def test_a_perplexity_of_unequal_texts_has_the_interval_of_a_ratio() -> None:
    # Nats 10 and 90, tokens 10 and 30: ratio 2.5, residuals -15 and 15 nats, and
    # variance (15² + 15²) / 40² · 2 of the ratio.
    half = stats.norm.ppf(0.975) * 15 * 2 / 40
    found = interval(nats([10, 30], [1.0, 3.0]))
    assert found == pytest.approx((math.exp(2.5 - half), math.exp(2.5 + half)))


def test_no_perplexity_is_below_1() -> None:
    low, high = interval(nats([5, 5, 5], [0.01, 0.02, 2.0]))
    assert (low, high > 1) == (1.0, True)


def test_one_act_alone_tells_nothing_of_others() -> None:
    ends = interval(measured("refusal_margin", [1.0, 2.0], ["a", "a"]))
    assert all(math.isnan(end) for end in ends)


def test_a_confidence_is_a_share() -> None:
    with pytest.raises(ValueError, match="confidence must be above 0 and below 1"):
        interval(measured("harmful_score", [1], ["a"]), confidence=1)
