"""The report: numbers out as they came in, tables, one page, pictures, a gate."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
import re
import sys
import time
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from drift_reports import LAYERS, PROMPTS, content

from vaccine_swift import drift

KINDS = ["layers", "groups", "prompts", "cka", "spectra", "null"]


@pytest.fixture(scope="module")
def report() -> drift.Report:
    return drift.Report(content())


def test_to_dict_is_a_copy_of_what_came_in(report) -> None:
    given = content()
    kept = drift.Report(given)
    given["layers"][0]["rms"]["value"] = 99.0
    kept.to_dict()["layers"][0]["rms"]["value"] = 99.0
    assert kept == drift.Report(content())
    assert kept.to_dict()["layers"][0]["rms"] == content()["layers"][0]["rms"]


def test_numpy_numbers_become_plain_ones() -> None:
    given = content()
    given["layers"][0]["rms"] = {
        "value": np.float64(1.5),
        "low": np.float32(1),
        "high": np.float64(2),
    }
    given["cka_map"] = np.eye(LAYERS)
    made = drift.Report(given).to_dict()
    assert type(made["layers"][0]["rms"]["low"]) is float
    assert made["cka_map"][1][:3] == [0.0, 1.0, 0.0]


def test_a_report_is_frozen_comparable_and_pickles(report) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.content = {}
    assert pickle.loads(pickle.dumps(report)) == report
    other = content()
    other["overall"]["rms"]["value"] += 1
    assert drift.Report(other) != report


def test_json_is_strict_and_comes_back(report, tmp_path) -> None:
    text = report.to_json(tmp_path / "r.json")
    parsed = json.loads(text, parse_constant=pytest.fail)
    assert parsed["layers"][0]["mahalanobis"]["value"] is None
    assert (tmp_path / "r.json").read_text("utf-8") == text + "\n"
    assert drift.Report.load(tmp_path / "r.json") == report
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"schema": "other/2"}, ValueError, "vaccine_swift.drift/1"),
        ({"layers": []}, ValueError, "at least one layer"),
        ({"tests": None}, TypeError, "content['tests'] must be a mapping"),
        ({"prompts": []}, TypeError, "content['prompts']"),
    ],
)
def test_content_of_another_shape_is_refused(change, error, words) -> None:
    with pytest.raises(error, match=re.escape(words)):
        drift.Report(content() | change)


def test_a_missing_part_is_named() -> None:
    given = content()
    del given["floor"]
    with pytest.raises(ValueError, match="'floor'"):
        drift.Report(given)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}'])
def test_a_file_that_is_no_report_is_named(text, tmp_path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"other\.json is no drift report"):
        drift.Report.load(path)


def test_a_failed_write_leaves_the_file_that_was_there(report, tmp_path) -> None:
    target = tmp_path / "there"
    target.mkdir()
    with pytest.raises(OSError, match="there"):
        report.to_json(target)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


# MARK: Page


class _Page(HTMLParser):
    """Counts tags and collects what a page would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes) -> None:
        self.tags.append(tag)
        self.fetched += [
            value
            for name, value in attributes
            if name in ("src", "href") and not value.startswith("data:")
        ]


def test_the_page_is_one_small_file_without_script_written_in_time(
    tmp_path,
) -> None:
    large = drift.Report(content(layers=64, prompts=500))
    started = time.perf_counter()
    text = large.to_html(tmp_path / "r.html", baseline=large)
    assert time.perf_counter() - started < 2
    assert len(text.encode()) < 400_000
    page = _Page((tmp_path / "r.html").read_text("utf-8"))
    assert "script" not in page.tags
    assert page.fetched == []


def test_every_chart_is_well_formed(report) -> None:
    charts = re.findall(r"<svg.*?</svg>", report.to_html(), re.DOTALL)
    assert len(charts) >= 12
    for chart in charts:
        root = ET.fromstring(chart)
        numbers = re.findall(r"-?[\d.]+", " ".join(p.get("d", "") for p in root))
        assert all(math.isfinite(float(each)) for each in numbers)
        assert root.get("aria-label")


def test_the_page_says_what_the_report_holds(report) -> None:
    text = report.to_html(title="Before & after")
    for words in (
        "<h1>Before &amp; after</h1>",
        "repeat run",
        "restricted",
        "prompt-",
        "40 prompts for 64 dimensions",
        "&lt;aligned&gt;",
    ):
        assert words in text
    assert "<aligned>" not in text


def test_a_line_passes_through_the_values_it_shows() -> None:
    given = content(layers=2)
    for layer, value in zip(given["layers"], (0.0, 0.1), strict=True):
        layer["relative_drift"] = {"value": value, "low": value, "high": value}
    given["floor"] = None
    text = drift.Report(given).to_html()
    line = re.search(r'class="line a" d="M([\d.]+),([\d.]+)L([\d.]+),([\d.]+)"', text)
    x0, y0, x1, y1 = map(float, line.groups())
    ticks = {
        label: float(y)
        for y, label in re.findall(
            r'y="([\d.]+)" text-anchor="end">([^<]+)<', text[: line.start()]
        )
    }
    assert (x0, x1) == (52.0, 388.0)  # the plane's borders
    assert y0 == pytest.approx(ticks["0 %"] - 4, abs=0.11)
    assert y1 == pytest.approx(ticks["10 %"] - 4, abs=0.11)


def test_a_report_of_one_layer_one_prompt_and_nothing_else_is_drawn() -> None:
    given = content(layers=1, prompts=1)
    nothing = {"value": math.nan, "low": math.nan, "high": math.nan, "reason": "one"}
    given["layers"] = [{"relative_drift": nothing, "cosine": nothing}]
    given["overall"] = {"relative_drift": nothing}
    given |= {"groups": {}, "tests": {}, "floor": None, "spectra": None}
    given |= {"cka_map": None}
    given["prompts"] = {"ids": [], "relative_drift": [], "overall": []}
    report = drift.Report(given)
    assert "could not be computed" in report.to_html()
    assert "–" in repr(report)


def test_only_charts_with_a_line_of_the_baseline_name_it() -> None:
    given, control = content(layers=3), content(layers=3)
    for layer in control["layers"]:
        del layer["cka"]
    page = drift.Report(given).to_html(baseline=drift.Report(control))
    figures = {
        re.search("<h3>([^<]*)<", figure)[1]: figure
        for figure in re.findall("<figure.*?</figure>", page, re.DOTALL)
    }
    assert "baseline" in figures["Cosine"]
    assert "baseline" not in figures["CKA, debiased"]


def test_a_test_without_a_null_has_no_chart_of_it(tmp_path) -> None:
    accumulator = drift.Accumulator(width=2)
    accumulator.update(np.eye(2), 2 * np.eye(2), ids=["p", "p"])
    made = accumulator.report(permutations=9)
    made.to_json(tmp_path / "r.json")
    for report in (made, drift.Report.load(tmp_path / "r.json")):
        page = report.to_html()
        assert "Null distribution: Sign-flip" in page
        assert "Null distribution: Max-T" not in page
        pytest.importorskip("matplotlib")
        (line,) = report.plot("null").axes[0].get_lines()
        # All draws are the norm of one prompt's mean: 0 from their mean, without a z.
        assert line.get_label() == "signflip: z = –, p = 1.00"
        assert line.get_xdata() == [0, 0]


def test_a_page_of_no_drift_names_no_layer_and_no_ratio() -> None:
    accumulator = drift.Accumulator(width=2, layers=2)
    x, first = np.ones((2, 4, 2)), np.arange(4) < 2
    accumulator.update(x, x, ids=range(4), groups={"first": first, "last": ~first})
    page = accumulator.report(permutations=9).to_html()
    assert "The states moved by <b>0 %</b> of their norm (95 % interval 0 %" in page
    assert "most in layer" not in page
    assert "ratio first / last" not in page


def test_a_spectrum_of_nothing_is_refused() -> None:
    pytest.importorskip("matplotlib")
    accumulator = drift.Accumulator(width=2, tier="full")
    accumulator.update(np.zeros((4, 2)), np.zeros((4, 2)), ids=range(4))
    with pytest.raises(ValueError, match="needs spectra"):
        accumulator.report(tests=[]).plot("spectra")


def test_a_picture_shows_itself_in_a_notebook(report) -> None:
    pytest.importorskip("matplotlib")
    assert report.plot()._repr_png_().startswith(b"\x89PNG")


def test_a_notebook_gets_html_and_text(report) -> None:
    bundle = report._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/html"] == report._repr_html_()
    assert "<body" not in bundle["text/html"]
    assert "40 prompts, 12 layers, relative drift" in bundle["text/plain"]


# MARK: Tables and pictures


def test_dataframes_hold_the_numbers(report) -> None:
    pytest.importorskip("pandas")
    layers = report.to_dataframe()
    assert layers.shape[0] == LAYERS
    entry = report.to_dict()["layers"][3]["cka"]
    assert layers.loc[3, ["cka", "cka_low", "cka_high"]].tolist() == [*entry.values()]
    groups = report.to_dataframe("groups")
    assert groups.index.names == ["group", "layer"]
    assert len(groups) == 2 * LAYERS
    assert report.to_dataframe("tests").loc["signflip", "p_value"] == 0.001
    assert report.to_dataframe("prompts").shape == (PROMPTS, 1 + LAYERS)
    with pytest.raises(ValueError, match="Did you mean 'groups'"):
        report.to_dataframe("group")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_is_drawn(report, kind, tmp_path) -> None:
    figure = report.plot(kind, baseline=report)
    figure.savefig(tmp_path / "p.png")
    pixels = (tmp_path / "p.png").stat().st_size
    assert pixels > 5_000
    assert figure.axes[0].get_xlabel()


def test_a_picture_goes_where_it_is_told(report) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    assert report.plot("layers", metric="cka", ax=axes) is figure
    values = axes.lines[0].get_ydata()
    layers = report.to_dict()["layers"]
    np.testing.assert_array_equal(values, [each["cka"]["value"] for each in layers])


@pytest.mark.parametrize("kind", ["groups", "prompts", "cka", "spectra", "null"])
def test_a_picture_of_what_is_not_there_is_refused(kind) -> None:
    given = content() | {"groups": {}, "tests": {}, "spectra": None, "cka_map": None}
    given["prompts"] = {"ids": [], "relative_drift": [], "overall": []}
    with pytest.raises(ValueError, match=f'kind="{kind}" needs'):
        drift.Report(given).plot(kind)


def test_unknown_kinds_and_metrics_suggest_the_nearest(report) -> None:
    with pytest.raises(ValueError, match="Did you mean 'layers'"):
        report.plot("layer")
    with pytest.raises(ValueError, match="Did you mean 'cosine'"):
        report.plot(metric="cosin")


@pytest.mark.parametrize(
    ("module", "call", "words"),
    [
        ("pandas", "to_dataframe", "drift"),
        ("matplotlib.figure", "plot", r"vaccine-swift\[plot\]"),
    ],
)
def test_a_missing_extra_is_named(report, module, call, words, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=words):
        getattr(report, call)()


# MARK: Gate


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


def test_limits_are_checked(report) -> None:
    with pytest.raises(TypeError, match="at least one limit"):
        report.assert_below()
    with pytest.raises(TypeError, match="relative_drift must be a number"):
        report.assert_below(relative_drift="0.05")
    with pytest.raises(ValueError, match="bound must be"):
        report.assert_below(relative_drift=0.05, bound="upper")


def test_the_made_up_content_is_left_alone() -> None:
    given = content()
    before = copy.deepcopy(given)
    report = drift.Report(given)
    report.to_html(baseline=report)
    assert json.dumps(given) == json.dumps(before)
