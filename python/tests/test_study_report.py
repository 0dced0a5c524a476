"""The report of a study: one page, tables and figures from its rows."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
import study_rows
from study_rows import arm, of_units

from vaccine_swift.study import report, statistics
from vaccine_swift.study.report.content import Content
from vaccine_swift.study.report.metric_drawings import parameters, sweep, trade_off
from vaccine_swift.study.report.trace_drawings import (
    by_layer,
    losses,
    mean_drift,
    relation,
)

ALIGNED = [arm("sft"), arm("vaccine")]


class _Page(HTMLParser):
    """Collects tags, what a page would fetch, its classes and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes) -> None:
        self.tags.append(tag)
        self.fetched += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data) -> None:
        self.words += data


def page(rows, tmp_path, **options) -> str:
    report.write_html(rows, tmp_path / "r.html", **options)
    return (tmp_path / "r.html").read_text("utf-8")


@pytest.fixture(scope="module")
def rows():
    return study_rows.study(poisons=(0.0, 0.1, 0.2), seeds=3)


def test_the_page_is_one_small_file_without_script(rows, tmp_path) -> None:
    text = page(rows, tmp_path)
    found = _Page(text)
    assert len(text.encode()) < 1_000_000
    assert "script" not in found.tags
    assert found.fetched == []
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    for chart in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ET.fromstring(chart)
    assert "nan" not in found.words.lower()


def test_the_page_shows_the_numbers_of_the_summary(rows, tmp_path) -> None:
    words = _Page(page(rows, tmp_path)).words
    for each in statistics.summary(rows):
        if each["stage"] == "after" and each["metric"] == "harmful_score":
            interval = f"{each['mean']:.1f} {each['low']:.1f} to {each['high']:.1f}"
            assert interval in words


def test_no_table_has_two_columns_of_one_name(rows, tmp_path) -> None:
    """The share p of harmful rows and p-values stand side by side."""
    path = tmp_path / "report.html"
    report.write_html(rows, path)
    heads = re.findall("<thead>(.*?)</thead>", path.read_text("utf-8"), re.DOTALL)
    names = [re.findall("<th[^>]*>([^<]*)</th>", head) for head in heads]
    assert all(len(set(each)) == len(each) for each in names)
    assert any({"share p", "p-value", "Holm p-value"} <= set(each) for each in names)


def test_the_lead_counts_what_is_significant(rows, tmp_path) -> None:
    words = _Page(page(rows, tmp_path)).words
    found = statistics.differences(rows)
    sure = sum(each["significant"] for each in found)
    assert 0 < sure < len(found)
    assert f"{sure} of {len(found)} differences to SFT" in words
    assert f"{len(found) - sure} not significant" in words


def test_a_clear_difference_is_told_in_words(tmp_path) -> None:
    rows = []
    for seed in range(5):
        harm = [1] * 30 + [0] * (10 - seed % 2) + [1] * (seed % 2)
        rows += [of_units(arm("sft"), harm, seed=seed)]
        rows += [of_units(arm("vaccine"), [0] * 40, seed=seed)]
    words = _Page(page(rows, tmp_path)).words
    assert "1 of 1 difference to SFT after the attack is significant" in words
    assert "Vaccine ρ=2: harmful score 76.0 points lower (better; −" in words


def test_one_seed_claims_nothing_of_methods(tmp_path) -> None:
    words = _Page(page(study_rows.study(ALIGNED, (0.1,), 1), tmp_path)).words
    assert "one seed says nothing of the methods" in words
    assert "no difference between methods can be claimed" in words
    assert "Bands: all seeds" not in words


def test_without_the_baseline_nothing_is_compared(tmp_path) -> None:
    rows = study_rows.study([arm("vaccine")], (0.1,), 1)
    assert "Nothing is compared" in _Page(page(rows, tmp_path)).words


def test_text_of_the_rows_is_escaped(tmp_path) -> None:
    odd = ("vaccine", 2.0, None, 1, "<b onclick='x'>")
    rows = [of_units(arm("sft"), [0, 1]), of_units(odd, [0, 1])]
    assert "<b onclick" not in page(rows, tmp_path, title="A & <i>")
    assert "<title>A &amp; &lt;i&gt;</title>" in page(rows, tmp_path, title="A & <i>")


def test_rows_without_drift_or_losses_still_make_a_page(tmp_path) -> None:
    rows = [of_units(each, [0, 1, 1]) for each in ALIGNED]
    words = _Page(page(rows, tmp_path)).words
    assert "Harmful score" in words
    assert "Drift by layer" not in words


# MARK: What charts show


def test_a_method_has_one_style_everywhere(rows) -> None:
    content = Content.of(rows, "sft")
    charts = [*sweep(content, "harmful_score", "poison"), *trade_off(content)]
    charts += [
        relation(content),
        losses(content, next(iter(content.grid)).place, "attack"),
    ]
    for chart in charts:
        for curve in chart.curves:
            assert curve.style.split()[0] == content.styles[curve.label].split()[0]
    assert len(set(content.styles.values())) == len(content.styles)


def test_scores_against_p_are_those_of_the_summary(rows) -> None:
    content = Content.of(rows, "sft")
    assert parameters(content) == ["poison"]
    (chart,) = sweep(content, "harmful_score", "poison")
    expected = {
        (each["label"], each["poison"]): (each["mean"], each["low"], each["high"])
        for each in statistics.summary(rows)
        if each["metric"] == "harmful_score" and each["stage"] == "after"
    }
    drawn = {
        (curve.label, point.x): (point.y, point.low, point.high)
        for curve in chart.curves
        for point in curve.points
    }
    assert drawn == expected
    assert chart.ticks == (0.0, 0.1, 0.2)


def test_a_sweep_of_rho_is_one_curve_and_a_level_baseline() -> None:
    arms = [arm("sft"), *(arm("vaccine", rho=rho) for rho in (10.0, 0.1, 1.0))]
    content = Content.of(study_rows.study(arms, (0.1,), 2), "sft")
    assert parameters(content) == ["rho"]
    (chart,) = sweep(content, "fine_tune_accuracy", "rho")
    sft, vaccine = chart.curves
    assert (sft.label, sft.band) == ("SFT", True)
    assert {point.y for point in sft.points} == {sft.points[0].y}
    assert [point.x for point in vaccine.points] == [0.1, 1.0, 10.0]


def test_a_swept_setting_is_an_axis() -> None:
    rows = [
        row
        for rate in (1e-4, 2e-4)
        for row in study_rows.study(ALIGNED, (0.1,), 1, attack={"learning_rate": rate})
    ]
    content = Content.of(rows, "sft")
    assert parameters(content) == ["attack.learning_rate"]
    (chart,) = sweep(content, "harmful_score", "attack.learning_rate")
    assert chart.ticks == (1e-4, 2e-4)


def test_long_losses_are_averaged_in_equal_parts() -> None:
    content = Content.of(study_rows.study([arm("sft")], (0.1,), 2), "sft")
    chart = losses(content, next(iter(content.grid)).place, "attack")
    (curve,) = chart.curves
    trace = [loss for _, loss in content.rows[0]["losses"]["attack"]]
    assert len(curve.points) == 60
    assert curve.points[0].y == pytest.approx(sum(trace[:4]) / 4)
    assert curve.points[0].x == 2.5


def test_drift_and_harm_of_every_row(rows) -> None:
    chart = relation(Content.of(rows, "sft"))
    points = {(p.x, p.y) for curve in chart.curves for p in curve.points}
    expected = {
        (
            100 * mean_drift(row),
            row["metrics"]["after"]["harmful_score"]["value"],
        )
        for row in rows
    }
    assert points == expected
    scipy_stats = pytest.importorskip("scipy.stats")
    known = scipy_stats.spearmanr(*zip(*expected, strict=True)).statistic
    assert f"over all {len(rows)}: {known:.2f};" in chart.note


# MARK: Files


def test_csv_files_hold_the_statistics(rows, tmp_path) -> None:
    report.write_csv(rows, tmp_path / "new")
    for name, expected in (
        ("summary", statistics.summary(rows)),
        ("differences", statistics.differences(rows)),
    ):
        with (tmp_path / "new" / f"{name}.csv").open(encoding="utf-8") as file:
            found = list(csv.DictReader(file))
        assert len(found) == len(expected)
        for read, known in zip(found, expected, strict=True):
            assert read["label"] == known["label"]
            assert float(read["low"]) == known["low"]
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "summary.csv",
        "differences.csv",
    }


def test_figures_are_pictures(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    rows = study_rows.study(ALIGNED, (0.0, 0.2), 2)
    report.write_figures(rows, tmp_path / "figures")
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert {"harmful_score_by_poison", "trade_off", "drift_by_layer"} <= names
    assert {"drift_by_step", "loss_align", "loss_attack", "drift_and_harm"} <= names
    for path in (tmp_path / "figures").iterdir():
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_model_of_few_layers_has_whole_numbers_of_them(rows) -> None:
    few = json.loads(json.dumps(rows))
    for row in few:
        for layers in ((row.get("drift") or {}).get("layers") or {}).values():
            del layers[2:]
    content = Content.of(few, "sft")
    drawing = by_layer(content, next(iter(content.grid)).place)
    names = [name for _, name in drawing.x_scale.ticks]
    assert names == ["0", "1"]
    assert (drawing.x_scale.low, drawing.x_scale.high) == (0, 1)


def test_rows_survive_json(rows, tmp_path) -> None:
    again = [json.loads(json.dumps(row)) for row in rows]
    assert page(again, tmp_path) == page(rows, tmp_path)


def test_a_failed_write_leaves_the_file_that_was_there(rows, tmp_path) -> None:
    (tmp_path / "r.html").mkdir()
    with pytest.raises(OSError, match=r"r\.html"):
        page(rows, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
