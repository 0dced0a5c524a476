"""The report: numbers out as they came in, tables, pictures."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
import sys

import numpy as np
import pytest
from drift_reports import LAYERS, PROMPTS, content

from vaccine_swift import drift
from vaccine_swift.cli.drift_summary import summary

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


def test_a_picture_shows_itself_in_a_notebook(report) -> None:
    pytest.importorskip("matplotlib")
    assert report.plot()._repr_png_().startswith(b"\x89PNG")


def test_a_notebook_gets_html_and_text(report) -> None:
    bundle = report._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/html"] == report._repr_html_()
    assert "<body" not in bundle["text/html"]
    assert "40 prompts, 12 layers, relative drift" in bundle["text/plain"]


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


def test_both_ends_of_an_interval_have_as_many_digits() -> None:
    given = content()
    entry = {"value": 0.9999999, "low": 0.99999985, "high": 0.99999996}
    given["overall"]["cosine"] = entry
    given["overall"]["relative_drift"] = {"value": 1e-4, "low": 9.9e-5, "high": 2e-2}
    report = drift.Report(given)
    assert "[0.0099 %, 2.0000 %]" in repr(report)
    assert "(0.0099 % to 2.0000 %)" in summary(report)
    with pytest.raises(drift.DriftExceeded, match=r"\(0.99999985 to 0.99999996\)"):
        report.assert_above(cosine=0.99999999)
    assert "0.99999985 to 0.99999996" in report.to_html()
