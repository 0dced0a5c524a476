"""The core's table of metrics is what reports, headings and the documentation show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drift_accumulators import WIDTH, filled

from vaccine_swift import _core, drift
from vaccine_swift.drift.metrics import METRICS, TABLE_METRICS, numbers_of
from vaccine_swift.drift.report_schema import METRICS as SHOWN

DOCUMENT = Path(__file__).parents[1] / "docs" / "drift.md"


def test_names_are_distinct_and_documented():
    names = [each.name for each in METRICS]
    assert len(set(names)) == len(names)
    text = DOCUMENT.read_text("utf-8")
    assert [name for name in names if f"`{name}`" not in text] == []


def test_headings_are_the_cores():
    assert list(SHOWN) == [each.name for each in METRICS]
    assert SHOWN["linear_residual"].label == "Residual of a linear map"
    assert {name for name, each in SHOWN.items() if each.unit == "%"} == {
        each.name for each in METRICS if each.unit == "share"
    }


@pytest.mark.parametrize("tier", ["light", "sketch", "full"])
def test_a_tier_reports_what_the_table_says_within_its_range(tier):
    report = filled(tier, sketch=8).report(tests=[], permutations=99).to_dict()
    known = {
        each.name
        for each in METRICS
        if each.table or each.vector or (each.paired and tier != "light")
    }
    for layer in report["layers"]:
        assert set(layer) == known | {"hed_booster_code"}
    assert set(report["overall"]) == {*TABLE_METRICS, "hed_booster_code"}
    width = WIDTH if tier == "full" else 8
    for each in METRICS:
        high = width if each.high is None else each.high
        for layer in report["layers"]:
            if each.name in layer:
                value = layer[each.name]["value"]
                assert each.low - 1e-9 <= value <= high + 1e-9


@pytest.mark.parametrize("rows", range(1, 8))
def test_metrics_have_values_from_the_rows_on_that_they_need(rows):
    rng = np.random.default_rng(rows)
    x = rng.normal(size=(rows, 4))
    acc = drift.Accumulator(width=4, tier="full")
    acc.update(x, x + rng.normal(size=x.shape), ids=range(rows))
    layer = acc.report(tests=[], permutations=0, intervals=False).to_dict()["layers"][0]
    for each in METRICS:
        # Two ways to the same name: the full width's moments are shown last.
        needed = 5 if each.rows < 0 or each.name == "mahalanobis" else each.rows
        # Debiased estimates of variance may come out negative for few rows.
        if each.name != "cka" or rows < needed:
            assert np.isfinite(layer[each.name]["value"]) == (rows >= needed), each


def test_only_metrics_of_the_asked_source_are_taken():
    x = np.ones((3, 2))
    state = np.empty((1, _core.drift_state_counts(2)[1]))
    _core.drift_unpaired(x, None, state)
    cases = [numbers_of(["rms"]), np.array([-1]), np.array([len(METRICS)])]
    for numbers in cases:
        with pytest.raises(ValueError, match="metrics must be numbers of metrics"):
            _core.drift_paired_metrics(
                state,
                1,
                2,
                numbers,
                1.0,
                False,
                np.zeros(0),
                np.zeros(0, np.int64),
                np.empty((1, 4)),
                np.zeros(0),
            )
    number = int(numbers_of(["cka"])[0])
    with pytest.raises(ValueError, match="numbers of metrics that tables give"):
        _core.drift_prompt_metric(
            np.empty((0, 1, 7)), 0, 1, 2, number, np.empty((0, 2))
        )


def test_a_released_view_in_place_of_metrics_is_refused_before_the_next_argument():
    class Lengthy(np.ndarray):
        def __len__(self) -> int:
            return 0

    view = memoryview(numbers_of(["cka"]))
    view.release()
    sets = np.zeros(0, np.int64).view(Lengthy)
    state = np.empty((1, _core.drift_state_counts(2)[1]))
    out = np.empty((1, 4))
    with pytest.raises(ValueError, match="released memoryview"):
        _core.drift_paired_metrics(
            state, 1, 2, view, 1.0, False, np.zeros(0), sets, out, np.zeros(0)
        )


@pytest.mark.parametrize("count", [1e300, -1.0, 0.5, float("nan"), float("inf")])
def test_states_whose_counts_are_no_rows_are_refused(count):
    vector, paired, _ = _core.drift_state_counts(3)
    states = np.zeros((2, paired))
    states[1, 0] = count
    moments = np.zeros((2, vector))
    moments[1, 0] = count
    calls = [
        lambda: _core.drift_paired_folds(states, 2, 3),
        lambda: _core.drift_vector_folds(moments, 2, 3),
        lambda: _core.drift_merge_paired(np.zeros((2, paired)), states, 2, 3),
        lambda: _core.drift_merge_paired(states, np.zeros((2, paired)), 2, 3),
        lambda: _core.drift_merge_vector(moments, np.zeros((2, vector)), 2, 3),
        lambda: _core.drift_vector_metrics(moments, 2, 3, 1.0, np.empty((3, 4))),
        lambda: _core.drift_paired_metrics(
            states,
            2,
            3,
            numbers_of(["subspace_overlap"]),
            1.0,
            True,
            np.zeros(0),
            np.zeros(0, np.int64),
            np.empty((1, 4)),
            np.zeros(2),
        ),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="states must hold counts of rows"):
            call()


def test_sizes_that_overflow_are_refused():
    with pytest.raises(ValueError, match="a must hold"):
        _core.drift_merge_paired(np.zeros(4), np.zeros(4), 2**32, 2**15)
    with pytest.raises(ValueError, match="sketches must hold"):
        _core.drift_layer_map(
            np.zeros(4, np.float32), 2**32, 2**15, 2**15, np.zeros((1, 1))
        )


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, 2.0, float("nan")])
def test_a_confidence_outside_0_and_1_is_refused_by_the_core(confidence):
    keys = np.arange(2, dtype=np.uint64)
    with pytest.raises(ValueError, match="confidence must be"):
        _core.drift_table_metrics(
            np.ones((2, 1, 7)),
            keys,
            1,
            3,
            9,
            confidence,
            0,
            np.empty((2, len(TABLE_METRICS), 4)),
        )
    with pytest.raises(ValueError, match="confidence must be"):
        _core.drift_contrast(
            np.ones((2, 1)),
            np.array([1, 0], np.uint8),
            keys,
            1,
            9,
            confidence,
            0,
            np.empty((10, 1)),
            np.empty((1, 2)),
        )
