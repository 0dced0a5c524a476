"""Accumulator files of earlier versions still open and give what they gave.

``accumulator_files`` was written by commit 20b7d03: 20 prompts of three rows, two
layers of width 6, two updates, one group.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vaccine_swift import drift

FILES = Path(__file__).with_name("accumulator_files")
EXPECTED = json.loads((FILES / "expected.json").read_text())


def told(entries, known):
    return [
        [entries[name][key] for key in ("value", "low", "high")]
        for name in sorted(known)
    ]


def numbers(values):
    return np.array(values, np.float64)  # None becomes NaN


@pytest.mark.parametrize("tier", ["light", "sketch", "full"])
def test_an_accumulator_of_20b7d03_opens_and_reports_the_same(tier, tmp_path):
    expected = EXPECTED[tier]
    accumulator = drift.load(FILES / f"{tier}.npz")
    assert (accumulator.tier, accumulator.prompts, accumulator.rows) == (tier, 20, 60)
    assert accumulator.groups == {"first": 8}
    assert accumulator.metadata == {"made by": "20b7d03"}
    report = accumulator.report(permutations=99).to_dict()
    for layer, before in zip(report["layers"], expected["layers"], strict=True):
        assert set(before) <= set(layer)
        values = [before[name] for name in sorted(before)]
        np.testing.assert_allclose(
            numbers(told(layer, before)), numbers(values), rtol=1e-9, atol=1e-12
        )
    overall = expected["overall"]
    np.testing.assert_allclose(
        numbers(told(report["overall"], overall)),
        numbers([overall[name] for name in sorted(overall)]),
        rtol=1e-12,
    )
    for name, (statistic, p_value) in expected["tests"].items():
        assert report["tests"][name]["statistic"] == pytest.approx(statistic, rel=1e-12)
        assert report["tests"][name]["p_value"] == p_value
    assert report["prompts"]["ids"][:3] == expected["most"]
    np.testing.assert_allclose(report["cka_map"], expected["cka_map"], rtol=1e-9)
    accumulator.save(tmp_path / "again.npz")
    again = drift.load(tmp_path / "again.npz").report(tests=[])
    assert again.to_dataframe().equals(accumulator.report(tests=[]).to_dataframe())


def test_an_old_accumulator_merges_with_a_new_one():
    old = drift.load(FILES / "full.npz")
    x = np.random.default_rng(1).normal(size=(2, 9, 6))
    new = drift.Accumulator(
        width=6,
        layers=2,
        tier="full",
        seed=3,
        directions=8,
        sketch=4,
        folds=3,
        energy={"first": np.eye(6)[0]},
    )
    new.update(x, x + 0.1, ids=[f"new{i}" for i in range(9)])
    both = old + new
    assert (both.prompts, both.rows) == (29, 69)
    assert both.report(tests=[]).to_dict()["settings"]["tier"] == "full"
