"""The page of a drift report."""

from __future__ import annotations

import copy
import html
import json
import math
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from drift_reports import content

from vaccine_swift import drift


@pytest.fixture(scope="module")
def report() -> drift.Report:
    return drift.Report(content())


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


def test_the_page_is_one_small_file_without_script(tmp_path) -> None:
    large = drift.Report(content(layers=64, prompts=500))
    text = large.to_html(tmp_path / "r.html", baseline=large)
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


def test_three_charts_come_first_and_the_others_are_folded(report) -> None:
    page = report.to_html()
    before, after = page.split("Charts of the further metrics")
    names = [re.findall("<h3>([^<]*)<", part) for part in (before, after)]
    assert names[0] == ["Relative drift", "Cosine", "CKA, debiased"]
    assert names[1][:2] == ["RMS change of an element", "Translation share"]


def test_charts_say_what_they_are_measured_in() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 30, 3))
    accumulator = drift.Accumulator(width=3, layers=2, tier="full")
    accumulator.update(x, x + 0.1 * rng.normal(size=x.shape), ids=range(30))
    report = accumulator.report(tests=[])
    page = report.to_html()
    charts = {
        re.search("<h3>([^<]*)<", figure)[1]: figure
        for figure in re.findall("<figure.*?</figure>", page, re.DOTALL)
    }
    assert ">radians</text>" in charts["Procrustes angle"]
    assert ">in the states' unit</text>" in html.unescape(charts["Mean L2 distance"])
    assert "states" not in charts["Cosine"]
    pytest.importorskip("matplotlib")
    axes = report.plot("layers", metric="procrustes_angle").axes[0]
    assert axes.get_ylabel() == "Procrustes angle, radians"


def test_counts_have_their_thousands_apart_and_rows_are_told_once() -> None:
    given = content(layers=1)
    given["settings"] |= {"prompts": 38_447, "rows": 38_447}
    page = drift.Report(given).to_html()
    assert "<b>38\u202f447</b><span>prompts, one row each</span>" in page
    for group in given["groups"].values():
        group["prompts"] = 9_661
    page = drift.Report(given).to_html()
    assert page.count("restricted (9\u202f661)") >= 2
    given["settings"]["rows"] = 1_234_567
    page = drift.Report(given).to_html()
    assert "<span>prompts, 1\u202f234\u202f567 rows</span>" in page


def test_the_words_of_a_page_are_explained(report) -> None:
    page = report.to_html()
    words = dict(re.findall("<dt>([^<]*)</dt><dd>([^<]*)</dd>", page))
    assert (
        words["Cosine"] == "How far they turned: 1 is not at all, 0 is a right angle."
    )
    assert {"Relative drift", "CKA, debiased", "interval", "noise floor", "p"} <= {
        *words
    }
    assert "kNN overlap" not in words
    given = content() | {"floor": None, "tests": {}}
    page = drift.Report(given).to_html()
    assert "<dt>noise floor" not in page
    assert "<dt>p<" not in page


def test_bars_that_have_no_room_are_told_of() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    labels = [f"group {k % 15}" for k in range(60)]
    accumulator = drift.Accumulator(width=3)
    accumulator.update(x, x + 0.1, ids=range(60), groups=labels)
    page = accumulator.report(tests=[]).to_html()
    chart = re.search("<h3>Relative drift by group.*?</figure>", page, re.DOTALL)[0]
    assert chart.count('text-anchor="end">group') == 12
    assert "<figcaption>3 more stand in the table.</figcaption>" in chart


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


def test_the_made_up_content_is_left_alone() -> None:
    given = content()
    before = copy.deepcopy(given)
    report = drift.Report(given)
    report.to_html(baseline=report)
    assert json.dumps(given) == json.dumps(before)


# MARK: Narrow screens and notebooks


def test_a_wide_table_says_that_it_scrolls(report) -> None:
    page = report.to_html()
    for table in re.findall("<table>.*?</table></div>.{0,60}", page, re.DOTALL):
        wide = table[: table.index("</tr>")].count("<th>") > 3
        assert wide == ('class="swipe"' in table)


def test_a_notebook_cannot_fix_the_widths_of_columns(report) -> None:
    # JupyterLab has .jp-RenderedHTMLCommon table { table-layout: fixed } and
    # :not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon td { … }: two classes at most.
    fragment = report._repr_html_()
    rule = re.search(r"\.vs-report \.scroll table\{([^}]*)\}", fragment)[1]
    assert "table-layout:auto" in rule
    assert re.search(r"\.vs-report \.scroll td\{", fragment)
