"""MMD and energy distance against full kernel matrices, and their calibration."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift import drift

SEEDS = 200


def distances(x, y):
    return ((x[:, None] - y[None]) ** 2).sum(-1)


def oracle(x, y, sigma):
    """The unbiased MMD² from the whole kernel matrix."""
    n, m = len(x), len(y)
    z = np.concatenate([x, y]).astype(np.float64)
    k = np.exp(-distances(z, z) / (2 * sigma**2))
    np.fill_diagonal(k, 0)
    within = k[:n, :n].sum() / (n * (n - 1)) + k[n:, n:].sum() / (m * (m - 1))
    return within - 2 * k[:n, n:].mean()


def sets(seed=0, n=70, m=50, d=6, shift=0.3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + shift


def test_mmd_equals_the_whole_kernel_matrix():
    x, y = sets(n=700, m=600)
    for sigma in (0.5, 2.0, 10.0):
        result = drift.mmd(x, y, bandwidth=sigma, permutations=9)
        assert result.statistic == pytest.approx(oracle(x, y, sigma), abs=1e-7)


def test_the_median_bandwidth_makes_the_kernel_exp_of_distance_over_median():
    x, y = sets()
    z = np.concatenate([x, y])
    median = np.median(distances(z, z)[np.triu_indices(len(z), 1)])
    used = drift.mmd(x, y, permutations=0).details["bandwidths"]
    assert used == pytest.approx([np.sqrt(median / 2)], rel=1e-5)


def test_several_bandwidths_are_averaged():
    x, y = sets()
    result = drift.mmd(x, y, bandwidth=[1.0, 3.0], permutations=9)
    expected = [oracle(x, y, 1.0), oracle(x, y, 3.0)]
    assert result.details["values"] == pytest.approx(expected, abs=1e-7)
    assert result.statistic == pytest.approx(np.mean(expected), abs=1e-7)


def test_null_moments_are_those_of_independent_permutations():
    x, y = sets(shift=1.0)
    result = drift.mmd(x, y, bandwidth=2.0, permutations=1999)
    z, rng = np.concatenate([x, y]), np.random.default_rng(9)
    drawn = []
    for _ in range(500):
        order = rng.permutation(len(z))
        drawn.append(oracle(z[order[: len(x)]], z[order[len(x) :]], 2.0))
    assert abs(result.null_mean - np.mean(drawn)) < 5 * np.std(drawn) / np.sqrt(500)
    assert result.null_std == pytest.approx(np.std(drawn), rel=0.15)


def test_mmd_of_gaussians_nears_the_analytic_value():
    d, n, shift = 384, 2000, 0.05
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d)).astype(np.float32)
    y = (rng.normal(size=(n, d)) + shift).astype(np.float32)
    gamma = 0.0013
    spread = 1 + 4 * gamma
    expected = 2 * spread ** (-d / 2) * (1 - np.exp(-gamma * d * shift**2 / spread))
    result = drift.mmd(x, y, bandwidth=np.sqrt(1 / (2 * gamma)), permutations=99)
    assert abs(result.statistic - expected) < 5 * result.null_std
    assert result.z > 20


def test_paired_statistic_leaves_the_partner_out():
    x, y = sets(n=40, m=40)
    xx, yy, xy = (np.exp(-distances(a, b) / 8) for a, b in ((x, x), (y, y), (x, y)))
    h = xx + yy - xy - xy.T
    np.fill_diagonal(h, 0)
    result = drift.mmd(x, y, bandwidth=2.0, paired=True, permutations=99)
    assert result.statistic == pytest.approx(h.sum() / (40 * 39), abs=1e-7)


def test_energy_distance_equals_its_definition():
    x, y = sets()
    between, xx, yy = (
        np.sqrt(distances(a, b)).mean() for a, b in ((x, y), (x, x), (y, y))
    )
    result = drift.energy_distance(x, y, permutations=99)
    assert result.statistic == pytest.approx(2 * between - xx - yy, rel=1e-5)
    assert result.effect_size == pytest.approx(1 - (xx + yy) / (2 * between), rel=1e-5)


def test_a_result_is_frozen_and_has_its_documented_fields():
    x, y = sets()
    result = drift.mmd(x, y, permutations=49)
    names = [each.name for each in dataclasses.fields(result)]
    assert names == [
        "statistic",
        "p_value",
        "z",
        "null_mean",
        "null_std",
        "permutations",
        "effect_size",
        "details",
    ]
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.p_value = 0.0
    assert result.permutations == 49
    assert result.z == pytest.approx(
        (result.statistic - result.null_mean) / result.null_std
    )


def test_results_depend_neither_on_memory_nor_on_threads():
    x, y = sets(n=900, m=800)
    before = vs.get_num_threads()
    results = []
    try:
        for threads, memory in ((1, "1GB"), (2, "6MB"), (3, 2**23)):
            vs.set_num_threads(threads)
            results.append(drift.mmd(x, y, permutations=299, memory=memory))
    finally:
        vs.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def rate(test):
    return np.mean([test(seed).p_value <= 0.05 for seed in range(SEEDS)])


def test_unpaired_mmd_rejects_at_its_level():
    def test(seed):
        x, y = sets(seed, 20, 25, 3, shift=0)
        return drift.mmd(x, y, permutations=99, seed=seed)

    assert 0.02 <= rate(test) <= 0.09


def test_energy_distance_rejects_at_its_level():
    def test(seed):
        x, y = sets(seed, 20, 25, 3, shift=0)
        return drift.energy_distance(x, y, permutations=99, seed=seed)

    assert 0.02 <= rate(test) <= 0.09


def test_groups_keep_the_level_where_rows_of_a_prompt_are_alike():
    def parts(seed):
        rng = np.random.default_rng(seed)
        prompts = rng.normal(size=(24, 3)).repeat(5, 0)
        rows = prompts + 0.1 * rng.normal(size=prompts.shape)
        return rows[:60], rows[60:], np.repeat(np.arange(24), 5)

    def grouped(seed):
        x, y, ids = parts(seed)
        return drift.mmd(x, y, groups=(ids[:60], ids[60:]), permutations=99, seed=seed)

    assert 0.02 <= rate(grouped) <= 0.09
    ignored = [drift.mmd(*parts(seed)[:2], permutations=99) for seed in range(20)]
    assert np.mean([each.p_value <= 0.05 for each in ignored]) > 0.5


def test_paired_mmd_rejects_at_its_level_and_finds_a_small_shift():
    def pair(seed, shift):
        rng = np.random.default_rng(seed)
        prompts = rng.normal(size=(30, 3))
        x, y = (prompts + 0.05 * rng.normal(size=prompts.shape) for _ in range(2))
        return x, y + shift

    def null(seed):
        return drift.mmd(*pair(seed, 0), paired=True, permutations=99, seed=seed)

    assert 0.02 <= rate(null) <= 0.09
    shifted = [pair(seed, 0.1) for seed in range(20)]
    assert all(drift.mmd(*each, paired=True).p_value <= 0.05 for each in shifted)
    assert not any(drift.mmd(*each).p_value <= 0.05 for each in shifted)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"y": np.ones((5, 7))}, ValueError, "y must have the 6 columns of x"),
        ({"x": np.ones((1, 6))}, ValueError, "x must have at least 2 rows"),
        ({"x": np.full((5, 6), np.nan)}, ValueError, "x must be finite, but 30"),
        ({"x": np.ones((5, 6), complex)}, TypeError, "x must be an array of real"),
        ({"bandwidth": -1}, ValueError, "bandwidth must be"),
        ({"bandwidth": "mean"}, ValueError, "bandwidth must be 'median'"),
        ({"bandwidth": []}, ValueError, "bandwidth must be"),
        ({"permutations": -1}, ValueError, "permutations must be"),
        ({"memory": "1KB"}, ValueError, "memory must be at least"),
        ({"memory": "lots"}, ValueError, "memory must be such as"),
        ({"groups": [1, 2]}, ValueError, "groups must have one element"),
        ({"paired": True}, ValueError, "y must have the 70 rows of x"),
        (
            {"groups": [0] * 71 + list(range(1, 50))},
            ValueError,
            "groups must each have rows of one side",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, error, text):
    x, y = sets()
    with pytest.raises(error, match=text):
        drift.mmd(**{"x": x, "y": y, **arguments})


def test_identical_points_are_refused_where_the_median_is_0():
    with pytest.raises(ValueError, match="bandwidth must be positive, but the median"):
        drift.mmd(np.ones((5, 2)), np.ones((4, 2)))
    assert drift.mmd(np.ones((5, 2)), np.ones((4, 2)), bandwidth=1).p_value == 1.0


def test_without_permutations_there_is_no_p_value():
    x, y = sets(shift=100.0)
    for result in (
        drift.mmd(x, y, permutations=0),
        drift.mmd(x, x + 1, permutations=0, paired=True),
        drift.mmd(x, y, permutations=0, groups=np.arange(120)),
        drift.energy_distance(x, y, permutations=0),
        drift.classifier_auc(x, y),
    ):
        assert result.p_value is None
        assert result.permutations == 0
        assert result.details["floor"] is None
        assert result.statistic > 0.2
        assert "p_value=None" in repr(result)
        assert result.to_dict()["p_value"] is None
    assert drift.mmd(x, y, permutations=1).p_value in (0.5, 1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 3, 69])
@pytest.mark.parametrize("column", [0, 2, 5])
@pytest.mark.parametrize("side", ["x", "y"])
def test_a_single_element_that_is_not_finite_is_located(value, row, column, side):
    x, y = (rows.copy() for rows in sets())
    (x if side == "x" else y)[row % 50, column] = value
    place = f"{side} must be finite, but 1 .*row {row % 50}, column {column}"
    for test in (drift.mmd, drift.energy_distance):
        with pytest.raises(ValueError, match=place):
            test(x, y, permutations=9)


def test_charts_of_many_segments_show_those_that_moved_most() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 600, 4))
    labels = np.tile([f"segment {k:02}" for k in range(30)], 20)
    y[labels >= "segment 25"] += 2
    page = drift.two_sample(x, y, segments=(labels, labels), tests=["ks"]).to_html()
    figures = {
        re.search("<h3>([^<]*)<", figure)[1]: figure
        for figure in re.findall("<figure.*?</figure>", page, re.DOTALL)
    }
    moved = {f"segment {k}" for k in range(25, 30)}
    bars = figures["Shift by segment"]
    assert moved < set(re.findall("segment [0-9]{2}", bars))
    assert "19 segments that moved less are left out." in bars
    ways = figures["How the means of the segments went"]
    assert moved < set(re.findall("segment [0-9]{2}", ways))
    assert "20 segments that moved less are left out." in ways
