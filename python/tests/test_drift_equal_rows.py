"""Services send the same text again and again: most rows may be equal."""

from __future__ import annotations

import numpy as np
import pytest

from vaccine_swift import drift


def repeated(distinct: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Nine rows of ten are the first of `distinct`, the others any of them."""
    rng = np.random.default_rng(seed)
    rows = distinct[rng.integers(0, len(distinct), count)]
    rows[rng.random(count) < 0.9] = distinct[0]
    return rows


def test_the_median_is_then_of_rows_that_differ() -> None:
    # The distinct rows are 0, 3 and 7 on one axis: squares 9, 16 and 49.
    x = np.zeros((30, 2))
    x[:2, 0] = 3, 7
    y = np.zeros((20, 2))
    y[0, 0] = -0.0
    result = drift.mmd(x, y, permutations=99)
    assert result.details["bandwidths"] == pytest.approx([np.sqrt(16 / 2)])
    given = drift.mmd(x, y, permutations=99, bandwidth=np.sqrt(8))
    assert (result.statistic, result.p_value) == (given.statistic, given.p_value)


def test_the_median_of_rows_that_differ_is_of_a_thousand_at_most() -> None:
    # 900 rows at 0 to 899 on one axis, all of which are asked: |i - j| = k is that of
    # 900 - k pairs.
    places = np.arange(900.0)
    x = np.concatenate([places, np.zeros(9000)])[:, np.newaxis]
    pairs = np.abs(places[:, np.newaxis] - places)[np.triu_indices(900, 1)]
    expected = np.median(pairs**2)
    result = drift.mmd(x, x[-20:], permutations=0, seed=5)
    assert result.details["bandwidths"] == [np.sqrt(expected / 2)]


@pytest.mark.parametrize("scale", [0.0, 1e-200])
def test_rows_without_a_distance_have_no_median(scale) -> None:
    x = scale * np.arange(12.0).reshape(6, 2)
    with pytest.raises(ValueError, match="bandwidth must be positive"):
        drift.mmd(x, x)
    assert drift.mmd(x, x, bandwidth=1.0, permutations=9).p_value == 1.0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_two_weeks_of_mostly_equal_rows_are_compared(dtype) -> None:
    distinct = np.random.default_rng(0).normal(size=(40, 8)).astype(dtype)
    x, y = (repeated(distinct, 300, seed) for seed in (1, 2))
    other = repeated(distinct + dtype(0.5), 300, 3)
    assert drift.two_sample(x, y).sentence.startswith("No difference")
    assert drift.two_sample(x, other).sentence.startswith("The two sets differ")
    assert drift.mmd(x, x, paired=True, permutations=99).p_value == 1.0


@pytest.mark.parametrize("test", [drift.mmd, drift.energy_distance])
def test_sides_that_are_equal_pair_by_pair_are_never_found_to_differ(test) -> None:
    # Whichever pairs swap their sides, the sets are the same: every draw is a tie.
    for seed in range(6):
        x = np.random.default_rng(seed).normal(size=(300, 8))
        result = test(x, x.copy(), groups=[*range(300)] * 2, permutations=99)
        assert result.p_value == 1.0
        assert np.isnan(result.z)
        if test is drift.mmd:
            assert test(x, x, paired=True, permutations=99).p_value == 1.0


def test_a_segment_of_equal_rows_has_not_moved_and_stops_no_report(tmp_path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 120, 4))
    segments = np.repeat(["one", "two"], 60)
    x[:60] = y[:60] = 1.5
    y[60:] += 2.0
    report = drift.two_sample(x, y, segments=(segments, segments))
    assert report.sentence == "two moved; no change was found in one."
    assert report.content["segments"]["one"]["p_value"] == 1.0
    report.to_html(tmp_path / "page.html")
    same = np.ones((20, 3), np.float32)
    whole = drift.two_sample(same, same, tests=["mmd", "ks", "energy"])
    assert whole.sentence == "No difference was found (p = 1.00)."
    whole.to_html(tmp_path / "same.html")
    moved = drift.two_sample(same, same + 1)
    assert moved.sentence.startswith("The two sets differ")


def test_windows_of_mostly_equal_rows_reach_an_alarm() -> None:
    distinct = np.random.default_rng(0).normal(size=(40, 8))
    windows = drift.Windows(repeated(distinct, 300, 1), tests=["mmd"])
    for week in range(6):
        windows.add(f"w{week}", repeated(distinct + (week > 2), 300, week + 2))
    report = windows.report()
    assert report.alarms["all"] in ("w3", "w4")
