"""What windows against a reference show of each window."""

from __future__ import annotations

import numpy as np
import pytest
from drift_windows import LABELS, REFERENCE, WEEKS, windows

from vaccine_swift import drift
from vaccine_swift.statistics import rank_log_evidence


@pytest.fixture(scope="module")
def report() -> drift.WindowsReport:
    return windows().report()


def test_a_window_is_tested_against_the_reference_as_by_two_sample(report) -> None:
    content = report.to_dict()
    for (name, rows), window in zip(WEEKS.items(), content["windows"], strict=True):
        assert (window["name"], window["rows"]) == (name, 120)
        made = drift.two_sample(
            REFERENCE,
            rows,
            segments=(LABELS, LABELS),
            tests=["mmd"],
            permutations=199,
        ).to_dict()["segments"]
        assert list(window["lines"]) == list(made) == content["settings"]["lines"]
        for line, entry in window["lines"].items():
            expected, found = made[line], entry
            assert found["mean_shift"] == expected["mean_shift"]
            test, other = found["tests"]["mmd"], expected["tests"]["mmd"]
            # Other draws of the same permutations and of the bandwidth's rows.
            assert test["statistic"] == pytest.approx(other["statistic"], abs=2e-3)
            assert test["p_value"] == pytest.approx(other["p_value"], abs=0.15)


def test_the_sentence_names_what_drifted_and_since_when(report) -> None:
    since = report.alarms["de"]
    assert since in ("2026-W43", "2026-W44")
    assert report.sentence == (
        f"de has drifted (alarm since {since}); no drift was found in en and fr."
    )
    assert repr(report) == f"WindowsReport(6 windows: {report.sentence})"


def test_evidence_follows_from_the_ranks(report) -> None:
    content = report.to_dict()
    assert content["settings"]["threshold"] == 4 / 0.05
    for line in content["settings"]["lines"]:
        entries = [window["lines"][line] for window in content["windows"]]
        course = rank_log_evidence([each["rank"] for each in entries])
        assert [each["evidence"] for each in entries] == pytest.approx(np.exp(course))
        assert all(each["rank"][1] == 200 for each in entries)


def test_the_rank_is_that_against_the_pool_of_all_before() -> None:
    rows = list(WEEKS.values())
    made = drift.Windows(REFERENCE, tests=["ks"], permutations=1999)
    for step in range(4):
        made.add(step, rows[step])
    found = made.report().to_dict()["windows"][3]["lines"]["all"]["rank"]
    pool = np.concatenate([REFERENCE, *rows[:3]])
    expected = drift.mmd(pool, rows[3], permutations=1999, seed=5)
    # Two Monte Carlo p-values of one test: √(2 p (1 - p) / B) ≤ 0.016 apart.
    assert found[0] / found[1] == pytest.approx(expected.p_value, abs=0.05)


def test_permutations_suffice_for_the_tests_of_a_window() -> None:
    labels = np.repeat(np.arange(30), 10)
    x = np.random.default_rng(0).normal(size=(300, 2))
    made = drift.Windows(x, segments=labels, tests=["mmd"])
    y = x.copy()
    y[labels == 7] += 20
    found = made.add("a", y, segments=labels).report().to_dict()
    assert found["settings"]["permutations"] == 2 * 31 / 0.05
    assert found["windows"][0]["lines"]["7"]["p_value"] <= 0.025


def test_segments_without_a_line_and_empty_ones_are_told() -> None:
    made = windows({"2026-W40": WEEKS["2026-W40"]})
    changed = np.where(LABELS == "fr", "es", LABELS)
    found = made.add("2026-W41", WEEKS["2026-W41"], segments=changed).report()
    window = found.to_dict()["windows"][1]
    assert window["new"] == {"es": 40}
    entry = window["lines"]["fr"]
    assert (entry["rank"], entry["reason"]) == (None, "only in the reference")
    before = found.to_dict()["windows"][0]["lines"]["fr"]["evidence"]
    assert entry["evidence"] == before
    assert "Segments that the reference lacks" in found.to_html()
    with pytest.raises(drift.DriftExceeded, match="only in the reference"):
        found.assert_that("fr.p_value>0.01")


def test_rows_that_are_all_equal_are_told_and_raise_no_alarm() -> None:
    made = drift.Windows(np.ones((20, 3)), permutations=19, tests=["mmd"])
    for step in range(3):
        made.add(step, np.ones((20, 3)))
    found = made.report()
    assert found.sentence == "No drift was found in 3 windows."
    assert "median" in found.to_dict()["windows"][0]["lines"]["all"]["reason"]


def test_only_so_many_rows_are_kept() -> None:
    rng = np.random.default_rng(0)
    made = drift.Windows(
        rng.normal(size=(1000, 3)), tests=["ks"], permutations=19, most_rows=200
    )
    limit = 2 * 200 * 3 * 8
    for step in range(8):
        made.add(step, rng.normal(size=(300, 3)))
        found = made.report().to_dict()["windows"][step]
        assert found["rows"] == 300
        assert found["lines"]["all"]["current"] == 200
        assert made.memory <= limit
