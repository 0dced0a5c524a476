"""The share of the drift along one direction, by numpy and by what must hold."""

from __future__ import annotations

import numpy as np
import pytest

from vaccine_swift import drift


def measured(x, delta, tier="full", **options):
    acc = drift.Accumulator(width=x.shape[1], tier=tier, **options)
    acc.update(x, x + delta, ids=range(len(x)))
    return acc.report(tests=[], permutations=0).to_dict()["layers"][0]


def states(seed=0, n=120, d=12):
    rng = np.random.default_rng(seed)
    return rng.normal(1, 2, (n, d)), rng


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e6])
def test_it_is_the_largest_eigenvalue_over_the_trace(scale):
    x, rng = states()
    delta = scale * (rng.normal(size=x.shape) * np.linspace(1, 3, 12) + 0.4)
    eigenvalues = np.linalg.eigvalsh(delta.T @ delta)
    entry = measured(x, delta)["leading_share"]
    expected = eigenvalues[-1] / eigenvalues.sum()
    assert entry["value"] == pytest.approx(expected, rel=1e-6)
    assert entry["low"] < entry["value"] < entry["high"] <= 1


def test_it_is_1_for_a_drift_along_one_line_and_1_over_d_for_one_along_all_axes():
    x, rng = states()
    line = rng.normal(size=12)
    assert measured(x, np.outer(rng.normal(size=120), line))["leading_share"][
        "value"
    ] == pytest.approx(1, abs=1e-9)
    assert measured(x, np.tile(line, (120, 1)))["leading_share"][
        "value"
    ] == pytest.approx(1, abs=1e-9)
    axes = np.tile(np.eye(12), (10, 1))
    assert measured(x, axes)["leading_share"]["value"] == pytest.approx(1 / 12)


@pytest.mark.parametrize("seed", range(5))
def test_no_direction_has_more(seed):
    x, rng = states(seed)
    delta = rng.normal(size=x.shape) + rng.normal(size=12)
    _, vectors = np.linalg.eigh(delta.T @ delta)
    layer = measured(
        x, delta, energy={"leading": vectors[:, -1], "other": rng.normal(size=12)}
    )
    value = layer["leading_share"]["value"]
    assert value == pytest.approx(layer["energy_leading"]["value"], rel=1e-9)
    assert value >= layer["energy_other"]["value"]
    assert value >= layer["translation_share"]["value"]


def test_the_sketch_estimates_it_and_light_does_not_know_it():
    x, rng = states(n=300, d=400)
    line = rng.normal(size=400)
    line *= 20 / np.linalg.norm(line)
    delta = np.outer(rng.normal(size=300), line) + rng.normal(size=x.shape)
    exact = measured(x, delta)["leading_share"]["value"]
    sketched = measured(x, delta, "sketch", sketch=128)["leading_share"]["value"]
    assert sketched == pytest.approx(exact, abs=0.05)
    assert "leading_share" not in measured(x, delta, "light")


def test_nothing_that_moves_has_no_share():
    x, _ = states()
    entry = measured(x, np.zeros_like(x))["leading_share"]
    assert np.isnan(entry["value"])
    assert "nothing moved" in entry["reason"]
