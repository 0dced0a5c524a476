"""Limits that a drift report has to keep."""

from __future__ import annotations

import math
import pickle
import re

import numpy as np
import pytest
from drift_reports import LAYERS, content

from vaccine_swift import drift


@pytest.fixture(scope="module")
def report() -> drift.Report:
    return drift.Report(content())


def with_drift(value: float, low: float, high: float) -> drift.Report:
    given = content()
    given["overall"]["relative_drift"] = {"value": value, "low": low, "high": high}
    return drift.Report(given)


def test_the_high_end_of_the_interval_has_to_be_below() -> None:
    report = with_drift(0.04, 0.03, 0.06)
    report.assert_below(relative_drift=0.07)
    report.assert_below(relative_drift=0.05, bound="value")
    report.assert_below(relative_drift=0.035, bound="low")
    with pytest.raises(drift.DriftExceeded) as caught:
        report.assert_below(relative_drift=0.05)
    assert (
        str(caught.value)
        == caught.value.failures[0]
        == (
            "relative_drift must be < 5.00 % at its high bound, "
            "got 4.00 % (3.00 % to 6.00 %)"
        )
    )
    assert isinstance(caught.value, AssertionError)
    assert pickle.loads(pickle.dumps(caught.value)).failures == caught.value.failures


def test_the_low_end_has_to_be_above(report) -> None:
    report.assert_above(cosine=0.9)
    with pytest.raises(drift.DriftExceeded, match="cosine must be > "):
        report.assert_above(cosine=0.998)


def test_a_metric_of_layers_has_to_hold_in_every_layer(report) -> None:
    with pytest.raises(drift.DriftExceeded) as caught:
        report.assert_below(procrustes=0.0, frechet=5.0)
    assert len(caught.value.failures) == LAYERS
    assert caught.value.failures[-1].endswith("in layer 11")


def test_conditions_reach_groups_and_tests(report) -> None:
    report.assert_that("restricted.relative_drift < 50%", "signflip.p_value<=0.001")
    with pytest.raises(drift.DriftExceeded) as caught:
        report.assert_that("ordinary.cosine>2", "contrast.z<1", "relative_drift<1")
    assert len(caught.value.failures) == 2


def test_what_is_not_known_does_not_hold(report) -> None:
    with pytest.raises(drift.DriftExceeded, match="40 prompts for 64 dimensions"):
        report.assert_below(mahalanobis=1e9)


def test_a_missing_interval_falls_back_to_the_value(report) -> None:
    open_ended = with_drift(0.04, math.nan, math.nan)
    open_ended.assert_below(relative_drift=0.05)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("relative_drift", "must look like relative_drift<0.05"),
        ("relative_drift<x", "must look like"),
        ("relative_drift<nan", "must look like"),
        ("relativ_drift<1", "Did you mean 'relative_drift'"),
        ("harmful.cosine<1", "no group or test"),
        ("signflip.pvalue<1", "no test field"),
    ],
)
def test_conditions_that_mean_nothing_are_refused(report, condition, words) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        report.assert_that(condition)


def test_a_metric_that_another_way_of_measuring_gives_says_which() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 20, 4))
    light = drift.Accumulator(4)
    light.update(x, y, ids=range(20), groups=["a", "b"] * 10)
    report = light.report(tests=[])
    for name in ("cka", "frechet", "a.principal_angle"):
        expected = (
            f"no metric '{name.split('.')[-1]}': it needs tier 'sketch' or 'full'"
        )
        with pytest.raises(ValueError, match=expected):
            report.assert_that(f"{name}>0.5")
    widths = drift.PairedRows(x, y[:, :3], ids=range(20)).report()
    with pytest.raises(ValueError, match="no metric 'rms': .*columns"):
        widths.assert_that("rms<1")


def test_limits_are_checked(report) -> None:
    with pytest.raises(TypeError, match="at least one limit"):
        report.assert_below()
    with pytest.raises(TypeError, match="relative_drift must be a number"):
        report.assert_below(relative_drift="0.05")
    with pytest.raises(ValueError, match="bound must be"):
        report.assert_below(relative_drift=0.05, bound="upper")
