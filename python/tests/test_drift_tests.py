"""Sign flips, max-T and contrast: exact laws, calibration and power."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vaccine_swift import drift
from vaccine_swift.cli.drift_summary import summary

SEEDS = 200


def measured(delta, ids=None, *, groups=None, reference=None, layers=1):
    """An accumulator of rows with this difference."""
    delta = np.asarray(delta, np.float64)
    count, width = delta.shape[-2:]
    x = np.ones_like(delta) if reference is None else reference
    acc = drift.Accumulator(width=width, layers=layers)
    acc.update(x, x + delta, ids=range(count) if ids is None else ids, groups=groups)
    return acc


def results_of(acc, *names, permutations=99, seed=0):
    report = acc.report(tests=names, permutations=permutations, seed=seed)
    return report.to_dict()["tests"]


def test_statistic_and_effect_size_equal_numpy():
    rng = np.random.default_rng(0)
    delta = rng.normal(0.2, 1, (30, 8))
    ids = np.repeat(np.arange(10), 3)
    result = results_of(measured(delta, ids), "signflip")["signflip"]
    means = delta.reshape(10, 3, 8).mean(1)
    expected = np.linalg.norm(means.mean(0))
    assert result["statistic"] == pytest.approx(expected, rel=1e-6)
    scale = np.sqrt((means**2).sum(1).mean())
    assert result["effect_size"] == pytest.approx(expected / scale, rel=1e-6)


def test_null_draws_are_those_of_all_sign_patterns():
    delta = np.random.default_rng(1).normal(size=(6, 4))
    result = results_of(measured(delta), "signflip", permutations=20_000)["signflip"]
    norms = np.array(
        [
            np.linalg.norm(np.array(signs) @ delta) / 6
            for signs in itertools.product((-1, 1), repeat=6)
        ]
    )
    assert result["null_mean"] == pytest.approx(norms.mean(), abs=4 * norms.std() / 141)
    assert result["null_std"] == pytest.approx(norms.std(), rel=0.03)
    exact = (norms >= norms[0] * (1 - 1e-9)).mean()
    assert result["p_value"] == pytest.approx(exact, abs=4 * np.sqrt(exact / 20_000))


def test_sketches_keep_norms_exactly_up_to_their_directions_and_in_the_mean_above():
    delta = np.random.default_rng(2).normal(1, 1, (20, 512))
    result = results_of(measured(delta), "signflip")["signflip"]
    assert result["statistic"] == pytest.approx(np.linalg.norm(delta.mean(0)), rel=0.5)
    assert result["p_value"] == 0.01


def test_a_p_value_is_at_least_its_floor():
    result = results_of(measured(np.ones((30, 3))), "signflip", permutations=19)
    assert result["signflip"]["p_value"] == 1 / 20
    assert result["signflip"]["details"]["floor"] == 1 / 20


def test_max_t_finds_the_layer_that_drifts():
    delta = np.random.default_rng(3).normal(size=(4, 40, 6))
    delta[2] += 0.7
    result = results_of(
        measured(delta, layers=4), "signflip", "max_t", permutations=499
    )
    assert result["max_t"]["details"]["layer"] == 2
    assert result["max_t"]["p_value"] == 0.002
    adjusted = [layer["p_adjusted"] for layer in result["signflip"]["layers"]]
    raw = [layer["p_value"] for layer in result["signflip"]["layers"]]
    assert adjusted[2] == 0.002
    assert all(p <= q for p, q in zip(raw, adjusted, strict=True))


def test_contrast_is_the_ratio_of_group_means():
    rng = np.random.default_rng(4)
    delta = rng.normal(size=(60, 5))
    first = np.arange(60) < 20
    delta[first] *= 2
    groups = {"harmful": first, "benign": ~first}
    acc = measured(delta, groups=groups)
    report = acc.report(
        tests=["contrast"], permutations=499, contrast=("harmful", "benign")
    )
    result = report.to_dict()["tests"]["contrast"]
    sizes = np.linalg.norm(delta, axis=1) / np.sqrt(5)
    ratio = sizes[first].mean() / sizes[~first].mean()
    assert result["effect_size"] == pytest.approx(ratio, rel=1e-12)
    assert result["statistic"] == pytest.approx(np.log(ratio), rel=1e-12)
    assert result["p_value"] == 0.002
    told = result["details"]["ratio"]
    assert told["low"] < ratio < told["high"]
    other = acc.report(tests=["contrast"], contrast=("benign", "harmful"))
    assert other.to_dict()["tests"]["contrast"]["p_value"] == 1.0


def rate(make, name):
    """The share of seeds under the null at which a test rejects at 0.05."""
    return np.mean([make(seed)[name]["p_value"] <= 0.05 for seed in range(SEEDS)])


def test_sign_flips_reject_at_their_level():
    def make(seed):
        delta = np.random.default_rng(seed).normal(size=(20, 4))
        return results_of(measured(delta), "signflip", "max_t", seed=seed)

    assert 0.02 <= rate(make, "signflip") <= 0.09
    assert 0.02 <= rate(make, "max_t") <= 0.09


def test_sign_flips_of_prompts_with_many_alike_rows_reject_at_their_level():
    def make(seed):
        delta = np.random.default_rng(seed).normal(size=(20, 4))
        ids = np.repeat(np.arange(20), 5)
        return results_of(measured(delta.repeat(5, 0), ids), "signflip", seed=seed)

    assert 0.02 <= rate(make, "signflip") <= 0.09


def test_contrast_is_run_by_default_where_it_is_clear_between_whom():
    names = ("a", "b", "c")
    groups = {name: np.arange(30) % 3 == k for k, name in enumerate(names)}
    delta = np.random.default_rng(7).normal(size=(30, 4))
    told = {
        count: set(
            measured(delta, groups=dict(list(groups.items())[:count]))
            .report(permutations=9)
            .to_dict()["tests"]
        )
        for count in range(4)
    }
    both = {"signflip", "max_t"}
    assert told == {0: both, 1: both | {"contrast"}, 2: both | {"contrast"}, 3: both}
    named = measured(delta, groups=groups).report(permutations=9, contrast=("a", "c"))
    assert named.to_dict()["tests"]["contrast"]["details"]["groups"] == ["a", "c"]


def test_contrast_rejects_at_its_level():
    def make(seed):
        delta = np.random.default_rng(seed).normal(size=(30, 4))
        groups = {"a": np.arange(30) % 3 == 0}
        return results_of(measured(delta, groups=groups), "contrast", seed=seed)

    assert 0.02 <= rate(make, "contrast") <= 0.09


def test_a_known_shift_is_found():
    found = [
        results_of(
            measured(np.random.default_rng(seed).normal(0.5, 1, (30, 4))), "signflip"
        )["signflip"]["p_value"]
        <= 0.05
        for seed in range(20)
    ]
    assert all(found)


def test_bootstrap_intervals_cover_at_their_confidence():
    covered = []
    for seed in range(SEEDS):
        delta = np.random.default_rng(seed).normal(size=(60, 3))
        report = measured(delta).report(tests=[], permutations=199, seed=seed)
        entry = report.to_dict()["layers"][0]["rms"]
        covered.append(entry["low"] <= 1 <= entry["high"])
    assert 0.88 <= np.mean(covered) <= 0.99


def test_unknown_names_are_refused_with_the_nearest():
    acc = measured(np.ones((9, 2)), groups={"harmful": np.arange(9) < 3})
    with pytest.raises(ValueError, match="Did you mean 'signflip'"):
        acc.report(tests=["signflips"])
    with pytest.raises(ValueError, match="Did you mean 'harmful'"):
        acc.report(tests=["contrast"], contrast=("harmfull", "rest"))
    with pytest.raises(TypeError, match="tests must be a sequence"):
        acc.report(tests="signflip")
    with pytest.raises(ValueError, match="confidence must be"):
        acc.report(confidence=1)
    with pytest.raises(ValueError, match="permutations must be"):
        acc.report(permutations=-1)


def test_layers_below_the_floor_are_marked():
    delta = np.zeros((2, 9, 4))
    delta[0], delta[1] = 1e-4, 1e-2
    acc = measured(delta, layers=2)
    floor = acc.report(tests=[], floor="bfloat16").to_dict()["floor"]
    assert floor["below"] == [True, False]
    repeat = acc.report(tests=[], floor=measured(delta * 2, layers=2)).to_dict()
    assert repeat["floor"]["below"] == [True, True]
    assert repeat["floor"]["source"] == "repeat run"
    with pytest.raises(ValueError, match="floor must be one of"):
        acc.report(floor="float8")


def test_a_report_without_permutations_has_statistics_and_no_p_values():
    delta = np.random.default_rng(3).normal(0.5, 1, (2, 40, 6))
    acc = measured(delta, layers=2, groups={"first": np.arange(40) < 20})
    report = acc.report(permutations=0)
    tests = report.to_dict()["tests"]
    assert set(tests) == {"signflip", "max_t", "contrast"}
    assert [test["p_value"] for test in tests.values()] == [None] * 3
    assert tests["signflip"]["statistic"] > 0.3
    assert tests["max_t"]["details"]["layer"] is None
    for name in ("signflip", "contrast"):
        for layer in tests[name]["layers"]:
            assert (layer["p_value"], layer["p_adjusted"]) == (None, None)
    table = report.to_dataframe("tests")
    assert table["p_value"].isna().all()
    assert "p = –" in summary(report)
    assert "<td>–</td>" in report.to_html()
    with pytest.raises(ValueError, match="signflip.p_value cannot be a condition"):
        report.assert_that("signflip.p_value>0.01")
    with pytest.raises(ValueError, match="made with 0 permutations"):
        report.assert_that("contrast.z<3")
    report.assert_that("signflip.statistic>0.3")


@pytest.mark.parametrize("size", [1e6, 1e9])
def test_small_differences_count_beside_a_large_one(size):
    """One prompt moves far along one axis; the others agree on another axis."""
    delta = np.zeros((41, 8))
    delta[0, 0] = size
    delta[1:, 1] = 1.0
    acc = measured(delta, reference=np.zeros_like(delta))
    result = results_of(acc, "signflip", permutations=4999)["signflip"]
    # P² t² = size² + (Σ s)², which all signs equal alone make as large as it is.
    assert result["p_value"] == 1 / 5000
    assert result["null_mean"] < result["statistic"]
    assert sum(result["details"]["null_histogram"]["counts"]) == 4999


def test_the_layer_map_does_not_depend_on_a_common_part_or_says_that_it_is_lost():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(2, 80, 16))
    y = x + 0.3 * rng.normal(size=x.shape)

    def of(offset):
        acc = drift.Accumulator(width=16, layers=2)
        acc.update(x + offset, y + offset, ids=range(80))
        return np.array(acc.report(tests=[], permutations=0).to_dict()["cka_map"])

    assert of(1e3) == pytest.approx(of(0.0), abs=1e-4)
    assert of(1e4) == pytest.approx(of(0.0), abs=1e-4)
    assert np.isnan(of(1e6)).all()
