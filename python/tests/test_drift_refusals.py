"""What an accumulator refuses, and where it has no answer."""

from __future__ import annotations

import numpy as np
import pytest
from drift_accumulators import LAYERS, WIDTH, filled, pair

from vaccine_swift import _core, drift


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"reference": np.ones((2, 5, 7))}, ValueError, "reference must be"),
        ({"current": np.ones((2, 119, 20))}, ValueError, "current must have the ref"),
        ({"ids": [1, 2]}, ValueError, "ids must have one id for each of 120 rows"),
        ({"ids": [1.5] * 120}, TypeError, "ids must be strings or integers"),
        ({"ids": 5}, TypeError, "ids must be a sequence"),
        ({"groups": {"a": [True]}}, ValueError, "groups"),
        ({"groups": {"a": np.arange(120) % 2 == 0}}, ValueError, "same for all rows"),
        ({"groups": {"a": np.arange(120)}}, TypeError, "groups.*must hold bool"),
        ({"current": np.ones((2, 120, 20), complex)}, TypeError, "current must be an"),
        ({"current": np.ones((2, 120, 20), object)}, TypeError, "current must be an"),
    ],
)
def test_bad_updates_name_the_argument_and_lose_nothing(change, error, text):
    acc = filled()
    before = repr(acc.report(tests=[], permutations=9).to_dict()["layers"])
    x, y, ids = pair()
    arguments = {"reference": x, "current": y, "ids": ids + 1000, **change}
    with pytest.raises(error, match=text):
        acc.update(**arguments)
    assert repr(acc.report(tests=[], permutations=9).to_dict()["layers"]) == before


def test_elements_that_are_not_finite_are_counted_and_located():
    x, y, ids = pair()
    y[1, 7, 3] = np.nan
    y[1, 9, 0] = np.inf
    acc = drift.Accumulator(width=WIDTH, layers=LAYERS)
    expected = (
        "layer 1: current must be finite, but 2 elements are NaN or infinite, "
        "the first at row 7, column 3"
    )
    with pytest.raises(ValueError, match=expected):
        acc.update(x, y, ids=ids)
    assert acc.prompts == 0


def test_settings_that_do_not_fit_are_refused():
    for arguments, text in [
        ({"width": 0}, "width must be"),
        ({"width": 5, "tier": "ful"}, "tier must be one of .* Did you mean 'full'"),
        ({"width": 5, "directions": 12}, "directions must be a multiple of 8"),
        ({"width": 5, "folds": 1}, "folds must be"),
        ({"width": 5, "energy": {"a": np.ones(5)}}, "energy needs the tier 'full'"),
    ]:
        with pytest.raises(ValueError, match=text):
            drift.Accumulator(**arguments)
    with pytest.raises(ValueError, match="other must have seed 0, got 1"):
        filled().merge(filled(seed=1))
    with pytest.raises(ValueError, match="ids must be new"):
        filled().merge(filled())
    with pytest.raises(RuntimeError, match="nothing was added yet"):
        drift.Accumulator(width=5).report()


def test_one_prompt_gives_values_without_intervals():
    acc = drift.Accumulator(width=4)
    acc.update(np.ones((3, 4)), np.full((3, 4), 2.0), ids=["p"] * 3)
    content = acc.report().to_dict()
    entry = content["layers"][0]["relative_drift"]
    assert entry["value"] == 1.0
    assert np.isnan(entry["low"])
    assert "few" in entry["reason"]
    assert content["tests"]["signflip"]["p_value"] == 1.0


def test_a_reference_of_zeros_gives_nan_with_a_reason():
    acc = drift.Accumulator(width=4)
    acc.update(np.zeros((6, 4)), np.ones((6, 4)), ids=range(6))
    entry = acc.report(tests=[]).to_dict()["layers"][0]["relative_drift"]
    assert np.isnan(entry["value"])
    assert entry["reason"]


@pytest.mark.parametrize("starts", [[0, 2, 2, 4], [0, 3, 2, 4], [1, 2, 3, 4]])
def test_the_core_refuses_prompts_without_rows(starts):
    x = np.ones((4, 2))
    with pytest.raises(ValueError, match="must divide the rows"):
        _core.drift_table(
            x,
            x,
            np.arange(4),
            np.array(starts),
            np.arange(3, dtype=np.uint64),
            8,
            2,
            0,
            np.empty((3, 7)),
            np.empty((3, 2, 8), np.float32),
            np.empty((2, _core.drift_state_counts(2)[0])),
        )


@pytest.mark.parametrize(("layers", "directions"), [(1, 1), (6, 1), (7, 9)])
def test_sign_flips_of_no_prompt_do_not_end_the_process(layers, directions) -> None:
    norms = np.zeros((10, layers + 1))
    deltas = np.zeros((0, layers, directions), np.float32)
    _core.drift_sign_flips(
        deltas, np.zeros(0, np.uint64), layers, directions, 9, 7, norms
    )
    assert np.isnan(norms).all()
