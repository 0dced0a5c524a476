"""The shared statistics against scipy and numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vaccine_swift import statistics


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 29, 30, 199, 1000])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95, 0.999, 1 - 0.05 / 300])
def test_student_equals_scipy(freedom, share) -> None:
    t = statistics.student_quantile(share, freedom)
    assert t == pytest.approx(stats.t.ppf((1 + share) / 2, freedom), rel=1e-9)
    assert statistics.student_share(t, freedom) == pytest.approx(share, rel=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_corrections_equal_scipy(p_values) -> None:
    found = statistics.benjamini_hochberg(p_values)
    np.testing.assert_allclose(
        found, stats.false_discovery_control(p_values), rtol=1e-12, atol=1e-300
    )
    ranked = np.sort(p_values)
    steps = [
        min(1.0, max((len(ranked) - k) * ranked[k] for k in range(last + 1)))
        for last in range(len(ranked))
    ]
    np.testing.assert_allclose(np.sort(statistics.holm(p_values)), steps, rtol=1e-12)


@pytest.mark.parametrize(("hits", "count"), [(0, 7), (3, 7), (7, 7), (41, 500)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_intervals_of_proportions_equal_scipy(hits, count, confidence) -> None:
    test = stats.binomtest(hits, count)
    expected = test.proportion_ci(confidence, method="wilson")
    found = statistics.wilson(hits / count, count, confidence=confidence)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)
    none = stats.binomtest(0, count).proportion_ci(confidence, method="exact")
    limit = statistics.clopper_pearson_limit(count, confidence=confidence)
    assert limit == pytest.approx(none.high, rel=1e-12)
    every = stats.binomtest(count, count).proportion_ci(confidence, method="exact")
    assert 1 - limit == pytest.approx(every.low, rel=1e-12)


def test_welchs_degrees_of_freedom_equal_scipy() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(0, 1, 9), generator.normal(0, 3, 14)
    sources = [(each.var(ddof=1) / len(each), len(each) - 1) for each in (x, y)]
    expected = stats.ttest_ind(x, y, equal_var=False).df
    assert statistics.welch_freedom(sources) == math.floor(expected)
    assert statistics.welch_freedom([(0.0, 3), (0.0, 8)]) == 8


@given(
    st.lists(
        st.tuples(st.integers(-5, 5), st.floats(-1e3, 1e3)), min_size=3, max_size=50
    )
)
def test_rank_correlation_equals_scipy(points) -> None:
    x, y = zip(*points, strict=True)
    found = statistics.rank_correlation(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert math.isnan(found)
    else:
        expected = stats.spearmanr(x, y).statistic
        assert found == pytest.approx(expected, abs=1e-12)


def test_the_variance_of_a_ratio_is_that_of_many_samples() -> None:
    generator = np.random.default_rng(1)
    sizes = generator.uniform(0.5, 2, (4000, 60))
    units = sizes * generator.normal(3, 1, sizes.shape)
    ratios = units.sum(1) / sizes.sum(1)
    names = [str(k) for k in range(60)]
    found = np.mean(
        [
            statistics.ratio_variance(u, s, names)
            for u, s in zip(units, sizes, strict=True)
        ]
    )
    # A variance of 4000 samples is known to √(2 / 4000) = 2.2 %; 60 groups lose 1/60.
    assert found == pytest.approx(ratios.var(), rel=4 * 0.022 + 1 / 60)


def test_units_of_one_group_count_as_their_sum() -> None:
    units, sizes = [1.0, 2.0, 4.0, 8.0], [1.0, 3.0, 2.0, 5.0]
    together = statistics.ratio_variance([3.0, 12.0], [4.0, 7.0], ["a", "b"])
    found = statistics.ratio_variance(units, sizes, list("aabb"))
    assert found == pytest.approx(together)


@pytest.mark.parametrize("count", [2, 5, 40])
def test_the_draws_of_a_mean_have_its_unbiased_variance(count) -> None:
    values = np.random.default_rng(2).normal(size=count)
    weights = statistics.unit_weights(count, 40_000, 0, 0)
    assert (weights.sum(1) == count - 1).all()
    drawn = weights @ values / (count - 1)
    # The variance of 40,000 draws is known to about √(2 / 40,000) = 0.7 %.
    assert drawn.var() == pytest.approx(stats.sem(values) ** 2, rel=0.03)


def test_draws_follow_from_seed_and_stream_alone() -> None:
    first = statistics.unit_weights(6, 50, 3, 1)
    statistics.unit_weights.cache_clear()
    assert np.array_equal(first, statistics.unit_weights(6, 50, 3, 1))
    assert not np.array_equal(first, statistics.unit_weights(6, 50, 3, 2))
    assert not np.array_equal(first, statistics.unit_weights(6, 50, 4, 1))
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 1
