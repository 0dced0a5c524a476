"""Two sets that are not paired, segment by segment: the numbers of a report."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from drift_segments import LABELS, SEGMENTS, X, Y, segments_report

from vaccine_swift import drift
from vaccine_swift.statistics.corrections import holm


@pytest.fixture(scope="module")
def report() -> drift.TwoSampleReport:
    return segments_report()


def test_every_number_is_that_of_its_own_function(report) -> None:
    found = report.to_dict()["segments"]
    assert list(found) == ["all", "de", "en", "fr"]
    every = []
    for name, entry in found.items():
        inside = np.full(180, True) if name == "all" else name == LABELS
        x, y = X[inside], Y[inside]
        assert (entry["reference"], entry["current"]) == (len(x), len(y))
        mmd = drift.mmd(x, y, permutations=199)
        ks = drift.ks(x, y)
        assert entry["tests"]["mmd"]["statistic"] == mmd.statistic
        assert entry["tests"]["mmd"]["p_value"] == mmd.p_value
        assert entry["tests"]["mmd"]["effect_size"] == mmd.effect_size
        assert entry["tests"]["ks"]["statistic"] == ks.statistics.max()
        assert entry["tests"]["ks"]["p_value"] == ks.holm.min()
        every += [(name, "mmd", mmd.p_value), (name, "ks", ks.holm.min())]
    for (name, test, _), value in zip(every, holm([p for *_, p in every]), strict=True):
        assert found[name]["tests"][test]["p_holm"] == value
    for entry in found.values():
        assert entry["p_value"] == min(t["p_holm"] for t in entry["tests"].values())


def test_the_sentence_names_what_moved(report) -> None:
    assert report.moved == ["all", "de"]
    assert report.sentence == "de moved; no change was found in en and fr."
    assert repr(report).endswith(f"180 rows: {report.sentence})")


def test_equal_distributions_are_seldom_found_to_differ() -> None:
    rng = np.random.default_rng(1)
    found = 0
    for seed in range(60):
        x, y = rng.normal(size=(2, 60, 3))
        labels = np.repeat(["a", "b"], 30)
        made = drift.two_sample(
            x, y, segments=(labels, labels), permutations=239, seed=seed
        )
        found += bool(made.moved)
    # At a family-wise level of 0.05, 3 of 60 are expected; 9 or more have a chance
    # below 0.004.
    assert found < 9


def test_many_segments_are_counted_rather_than_listed() -> None:
    labels = np.array([f"s{k % 20:02}" for k in range(180)])
    made = drift.two_sample(X, X, segments=(labels, labels), tests=["ks"])
    assert made.sentence == (
        "No change was found in s00, s01, s02, s03, s04, s05, s06, s07 and 12 more."
    )


def test_the_shift_is_the_distance_of_the_means_in_spreads() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40_000, 4))
    y = rng.normal(size=(40_000, 4))
    y[:, 0] += 1
    made = drift.two_sample(x, y, tests=["ks"])
    # ‖Δ‖² = 1 over a total variance of 4; the error is about 1/√n.
    shift = made.to_dict()["segments"]["all"]["mean_shift"]
    assert shift == pytest.approx(0.5, abs=0.01)
    none = drift.two_sample(x[:20_000], x[20_000:], tests=["ks"]).to_dict()
    assert none["segments"]["all"]["mean_shift"] < 0.02


def test_without_segments_all_rows_are_told() -> None:
    same = drift.two_sample(X[60:120], Y[60:120], permutations=99)
    assert re.fullmatch(r"No difference was found \(p = .*\)\.", same.sentence)
    apart = drift.two_sample(X[:60], Y[:60], permutations=99)
    assert apart.sentence.startswith("The two sets differ (p = ")


def test_segments_of_one_side_and_small_ones_are_told_and_not_tested() -> None:
    first = np.array([*LABELS[:118], "old", "old", *["few"] * 4, *LABELS[124:]])
    second = np.array([*LABELS[:170], *["new"] * 10])
    made = drift.two_sample(X, Y, segments=(first, second), permutations=99)
    entries = made.to_dict()["segments"]
    assert entries["new"]["reason"] == "only in the current set"
    assert entries["old"]["reason"] == "only in the reference"
    assert entries["few"]["tests"] == {}
    assert "new has no rows in the reference" in made.sentence
    assert "few and old have no rows in the current set" in made.sentence
    with pytest.raises(
        drift.DriftExceeded, match=r"new\.p_value .*only in the current"
    ):
        made.assert_that("new.p_value>0.01")
    assert json.loads(made.to_json())["segments"]["new"]["p_value"] is None


def test_permutations_suffice_for_the_number_of_tests() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(60), 5)
    x, y = rng.normal(size=(2, 300, 2))
    y[labels == 7] += 20
    made = drift.two_sample(x, y, segments=(labels, labels), tests=["mmd"])
    assert made.to_dict()["settings"]["permutations"] == 2 * 61 / 0.05
    least = 61 / (1 + made.to_dict()["settings"]["permutations"])
    assert least <= 0.025


def test_rows_of_one_prompt_are_permuted_together() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(15), 12)
    x, y = (
        rng.normal(size=(15, 6))[owner] + 0.1 * rng.normal(size=(180, 6)) for _ in "xy"
    )
    groups = ([f"x{k}" for k in owner], [f"y{k}" for k in owner])
    naive = drift.two_sample(x, y, tests=["mmd"], permutations=199)
    made = drift.two_sample(x, y, tests=["mmd"], groups=groups, permutations=199)
    expected = drift.mmd(x, y, groups=groups, permutations=199)
    found = made.to_dict()["segments"]["all"]["tests"]["mmd"]
    assert found["p_value"] == expected.p_value > 0.05
    assert naive.to_dict()["segments"]["all"]["tests"]["mmd"]["p_value"] == 1 / 200


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"tests": ["mdm"]}, ValueError, "Did you mean 'mmd'"),
        ({"tests": "mmd"}, TypeError, "sequence of names"),
        ({"tests": []}, ValueError, "got none"),
        ({"segments": LABELS}, TypeError, "labels of x and labels of y"),
        ({"segments": (LABELS, LABELS[:9])}, ValueError, "segments[1] must have one"),
        ({"segments": (["all"] * 180, LABELS)}, ValueError, "'all' stands for all"),
        ({"groups": SEGMENTS}, ValueError, "'ks'"),
        ({"level": 1.0}, ValueError, "level"),
        ({"permutations": 0}, ValueError, "permutations"),
        ({"seed": -1}, ValueError, "seed"),
        ({"y": Y[:4]}, ValueError, "y must have at least 5 rows, got 4"),
        ({"y": Y[:, :5]}, ValueError, "y must have the 6 columns of x"),
    ],
)
def test_bad_arguments_name_themselves(options, error, words) -> None:
    with pytest.raises(error, match=re.escape(words)):
        drift.two_sample(**{"x": X, "y": Y, **options})


@pytest.mark.parametrize("tests", [["mmd"], ["ks"], ["energy"], ["classifier"]])
def test_elements_that_are_not_finite_are_refused(tests) -> None:
    bad = Y.copy()
    bad[3, 2] = math.nan
    with pytest.raises(ValueError, match="y"):
        drift.two_sample(X, bad, tests=tests, permutations=9)
