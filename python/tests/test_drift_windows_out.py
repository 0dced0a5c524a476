"""Windows as JSON, data frame, page, pictures and conditions."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from drift_windows import REFERENCE, WEEKS, windows

from vaccine_swift import drift


@pytest.fixture(scope="module")
def report() -> drift.WindowsReport:
    return windows().report()


def test_json_comes_back(report, tmp_path) -> None:
    report.to_json(tmp_path / "r.json")
    again = drift.WindowsReport.load(tmp_path / "r.json")
    assert again == report
    assert again.to_html() == report.to_html()
    assert again != drift.two_sample(REFERENCE, REFERENCE + 1, tests=["ks"])
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"other\.json is no report of windows"):
        drift.WindowsReport.load(tmp_path / "other.json")


def test_a_dataframe_has_a_row_for_each_window_and_line(report) -> None:
    pytest.importorskip("pandas")
    frame = report.to_dataframe()
    assert len(frame) == 6 * 4
    first = frame["alarm"].unstack()["de"].idxmax()
    assert first == report.alarms["de"]
    assert windows({}).report().to_dataframe().empty


def test_the_page_opens_with_the_sentence_and_is_small() -> None:
    labels = np.array([f"<{k % 20}>" for k in range(200)])
    rng = np.random.default_rng(0)
    made = drift.Windows(
        rng.normal(size=(200, 2)), segments=labels, tests=["ks"], permutations=9
    )
    for step in range(2):
        made.add(f"<w{step}>", rng.normal(size=(200, 2)), segments=labels)
    content = made.report().to_dict()
    content["windows"] *= 30
    page = drift.WindowsReport(content).to_html(title="A & B")
    assert len(page.encode()) < 400_000
    assert "<script" not in page
    assert "<title>A &amp; B</title>" in page
    lead = re.search(r'<p class="lead"><b>(.*?)</b>', page)[1]
    assert lead.startswith("No drift was found in &lt;0&gt;")
    assert "<w1" not in page
    assert "47 of 60 windows" in page
    assert "11 lines with less evidence are left out" in page
    for chart in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(chart)


def test_a_page_of_very_many_lines_has_those_with_most_evidence(report) -> None:
    content = report.to_dict()
    names = ["all", *(f"segment {k} of the shop" for k in range(3000))]
    content["settings"]["lines"] = names
    for window in content["windows"]:
        calm = window["lines"]["en"]
        window["lines"] = dict.fromkeys(names, calm)
        window["lines"]["segment 1234 of the shop"] = {**calm, "evidence": 1e9}
        window["new"] = {f"new segment {k}": 3 for k in range(5000)}
    many = drift.WindowsReport(content)
    for page in (many.to_html(), many._repr_html_()):
        assert len(page.encode()) < 400_000
        assert "<b>segment 1234 of the shop</b>" in page
        assert "2801 lines with less evidence are left out here" in page


def test_the_threshold_is_drawn_with_a_line_for_each_segment(report) -> None:
    page = report.to_html()
    chart = re.search("<h3>Evidence of drift.*?</figure>", page, re.DOTALL)[0]
    for label in ("all", "de", "en", "fr", "alarm at 80"):
        assert f"</i>{label}</span>" in chart
    assert chart.count("2026-W") > 6 * 4
    assert windows({}).report().to_html().count("<svg") == 0


@pytest.mark.parametrize("kind", ["evidence", "shifts"])
def test_every_kind_of_picture_is_drawn(report, kind) -> None:
    pytest.importorskip("matplotlib")
    assert report.plot(kind).axes[0].get_xlabel() == "window"
    with pytest.raises(ValueError, match="Did you mean 'shifts'"):
        report.plot("shift")
    with pytest.raises(ValueError, match="nothing of it to draw"):
        windows({}).report().plot(kind)


def test_each_window_has_a_place_of_its_own_on_the_page(report) -> None:
    """With ticks at every second window only, as five names have room."""
    assert len(WEEKS) == 6
    charts = re.findall(r"<svg.*?</svg>", report.to_html(), re.DOTALL)
    for chart in charts:
        (line, *_) = re.findall(r'class="line a" d="M([^"]*)"', chart)
        places = [float(point.split(",")[0]) for point in line.split("L")]
        assert np.diff(places) == pytest.approx([np.diff(places)[0]] * 5, abs=0.2)


def test_a_notebook_gets_the_sentence(report) -> None:
    bundle = report._repr_mimebundle_()
    assert report.sentence in bundle["text/html"]
    assert "<body" not in bundle["text/html"]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("alarms<1", False),
        ("alarms<=4", True),
        ("de.evidence<80", False),
        ("en.evidence<80", True),
        ("de.p_value>0.05", False),
        ("en.p_value>0.001", True),
        ("de.mean_shift<20%", False),
    ],
)
def test_a_condition_looks_at_alarms_and_the_last_window(
    report, condition, holds
) -> None:
    if holds:
        report.assert_that(condition)
    else:
        with pytest.raises(drift.DriftExceeded, match=re.escape(condition[:5])):
            report.assert_that(condition)
    with pytest.raises(ValueError, match="Did you mean 'en.evidence'"):
        report.assert_that("em.evidence<3")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_line_of_an_alarm_goes_from_side_to_side(count) -> None:
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(4)
    watched = drift.Windows(rng.normal(size=(40, 2)), tests=["ks"])
    for week in range(count):
        watched.add(f"W{week}", rng.normal(size=(20, 2)))
    (axes,) = watched.report().plot("evidence").axes
    (alarm,) = (c for c in axes.lines if str(c.get_label()).startswith("alarm at"))
    (first, last), (low, high) = alarm.get_xdata(), axes.get_xlim()
    assert first - low == pytest.approx(high - last)
    assert last - first >= 0.85 * (high - low)
    middle = (count - 1) / 2  # of the windows' places
    assert (low + high) / 2 == pytest.approx(middle)
