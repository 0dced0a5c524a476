"""A cell has one drift, and arms one order, wherever they are shown."""

from __future__ import annotations

import io
import re

import pytest
import study_rows
from rich.console import Console
from study_rows import arm

from vaccine_swift.cli.study_table import results_table
from vaccine_swift.study import report, statistics
from vaccine_swift.study.cells import cells
from vaccine_swift.study.drifted import cell_drift, drift_shown, mean_drift
from vaccine_swift.study.report.content import Content
from vaccine_swift.study.report.metric_drawings import sweep
from vaccine_swift.study.report.trace_drawings import by_step, losses, relation


@pytest.fixture(scope="module")
def rows():
    return study_rows.study(poisons=(0.0, 0.2), seeds=2)


def printed(rows) -> str:
    text = io.StringIO()
    Console(width=160, file=text).print(results_table(rows))
    return text.getvalue()


def plain(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", html)


def test_terminal_table_and_curve_show_one_number(rows, tmp_path) -> None:
    report.write_html(rows, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text("utf-8")
    terminal = [
        line.split()[-1] for line in printed(rows).splitlines() if "after" in line
    ]
    content = Content.of(rows, "sft")
    start = page.index("Drift, %")
    table = [
        [plain(cell).strip() for cell in re.findall(r"<td>(.*?)</td>", line)]
        for line in page[start : page.index("</table>", start)].split("<tr>")[1:]
    ]
    for (cell, of_seed), told in zip(cells(rows).items(), terminal, strict=True):
        values = [
            each["drift"]["overall"]["overall"]["value"] for each in of_seed.values()
        ]
        expected = f"{100 * sum(values) / len(values):.1f}"
        assert told == expected
        poison = dict(cell.place)["poison"]
        if poison:
            chart = by_step(content, cell.place)
            (curve,) = (each for each in chart.curves if each.label == cell.label)
            assert f"{100 * curve.points[-1].y:.1f}" == expected
        (entry,) = (
            entry
            for entry in table
            if entry[0] == cell.label and entry[1] == f"{poison:g}"
        )
        assert entry[-2:] == [expected, "2"]
    x = {point.x for curve in relation(content).curves for point in curve.points}
    assert x == {100 * each["drift"]["overall"]["overall"]["value"] for each in rows}
    for shown in (plain(page), printed(rows)):
        assert "all layers and requests" in shown


def test_layers_alone_give_the_same_number() -> None:
    norms, drifts = (2.0, 5.0), (0.3, 0.1)
    layers = [
        {"relative_drift": drift, "rms": drift * norm}
        for norm, drift in zip(norms, drifts, strict=True)
    ]
    # √((0.6² + 0.5²) / (2² + 5²))
    assert mean_drift({"drift": {"layers": {"overall": layers}}}) == pytest.approx(
        (0.61 / 29) ** 0.5
    )


@pytest.mark.parametrize(
    "row",
    [{}, {"drift": None}, {"drift": {"overall": {"overall": {"value": None}}}}],
)
def test_a_drift_that_was_not_measured_is_a_dash(row) -> None:
    assert mean_drift(row) is None
    assert drift_shown(cell_drift([row, row])) == "–"


def test_a_seed_without_drift_leaves_the_mean_of_the_others() -> None:
    with_drift = {"drift": {"overall": {"overall": {"value": 0.125}}}}
    assert drift_shown(cell_drift([with_drift, {}])) == "12.5"


def test_arms_have_one_order_though_rows_come_place_by_place(tmp_path) -> None:
    arms = [arm("none"), arm("vaccine"), arm("sft"), arm("random")]
    rows = [
        row
        for rank in (4, 8)
        for poison in (0.0, 0.1)
        for of_arm in arms
        for row in study_rows.study([of_arm], (poison,), 2, rank=rank)
    ]
    labels = [each[-1] for each in arms]
    content = Content.of(rows, "sft")
    assert [cell.label for cell in content.grid] == [
        label for label in labels for _ in range(4)
    ]
    compared = [each["label"] for each in content.differences]
    assert list(dict.fromkeys(compared)) == [
        label for label in labels if label != "SFT"
    ]
    assert compared == sorted(compared, key=labels.index)
    place = next(iter(content.grid)).place
    charts = [
        *sweep(content, "harmful_score", "poison"),
        relation(content),
        losses(content, place, "attack"),
        by_step(content, place),
    ]
    for chart in charts:
        assert [curve.label for curve in chart.curves] == labels
    lines = [line for line in printed(rows).splitlines() if "before" in line]
    told = [
        next(each for each in labels if line.strip().startswith(each)) for line in lines
    ]
    assert list(dict.fromkeys(told)) == labels
    assert told == sorted(told, key=labels.index)
    assert [each["label"] for each in statistics.summary(rows)] == sorted(
        (each["label"] for each in content.summary), key=labels.index
    )
