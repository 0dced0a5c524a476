"""A drawing is the same picture as SVG and by matplotlib, and its text is text."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from vaccine_swift.pages import plot
from vaccine_swift.pages.drawing import (
    Bars,
    Curve,
    Drawing,
    Heat,
    Histogram,
    Point,
    Rule,
)
from vaccine_swift.pages.figure import chart
from vaccine_swift.pages.rendering import figure, rendered
from vaccine_swift.pages.table import Cell, Table

ODD = "a <b> & \"c\" 'd'"
NAN = math.nan
CURVE = Curve(
    "arm",
    "a",
    (Point(0, 1, 0.5, 2), Point(1, NAN), Point(3, 4, NAN, NAN)),
)
DRAWINGS = {
    "curve": Drawing("c", "Curve", "step", "loss", (CURVE,)),
    "share": Drawing("s", "Share", "layer", "", (CURVE,), share=True),
    "named": Drawing(
        "n", "Named", "", "", (CURVE,), ticks=(0, 3), tick_names=("before", "after")
    ),
    "null": Drawing(
        "h",
        "Null",
        "z",
        "draws",
        histograms=(Histogram("", "a", (0, 1, 2), (3, 5)),),
        rules=(Rule("observed", "b", 7.0),),
    ),
    "bars": Drawing(
        "b",
        "Bars",
        "drift",
        "",
        bars=Bars("a", ("de", "en"), (Point(0.2, 0, left=0.1, right=0.4), Point(1, 0))),
        share=True,
    ),
    "heat": Drawing(
        "m",
        "Heat",
        "layer",
        "prompt",
        heat=Heat(np.arange(6.0).reshape(2, 3), 0, 5, "0", "5", downwards=True),
    ),
}


def axes_of(drawing: Drawing):
    pytest.importorskip("matplotlib")
    return plot.shown_on(drawing, None).axes[0]


@pytest.mark.parametrize("name", DRAWINGS)
def test_both_pictures_have_the_same_axes_and_key(name) -> None:
    drawing = DRAWINGS[name]
    axes = axes_of(drawing)
    root = ET.fromstring(chart(drawing))
    texts = [each.text for each in root.iter("text")]
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [tick.get_text() for tick in ticks if tick.get_text() not in texts] == []
    assert axes.get_xlim() == (drawing.x_scale.low, drawing.x_scale.high)
    legend = axes.get_legend()
    shown = [text.get_text() for text in legend.get_texts()] if legend else []
    assert shown == re.findall(r"</i>([^<]*)</span>", figure(drawing)[-300:])


def test_a_curve_is_at_the_same_places_in_both() -> None:
    drawing = DRAWINGS["curve"]
    (line,) = [each for each in axes_of(drawing).lines if each.get_label() == "arm"]
    np.testing.assert_array_equal(line.get_xdata(), [0, 1, 3])
    np.testing.assert_array_equal(line.get_ydata(), [1, NAN, 4])
    root = ET.fromstring(chart(drawing))
    dots = [
        (float(dot.get("cx")), float(dot.get("cy")))
        for dot in root.iter("circle")
        if "ringed" in dot.get("class")
    ]
    # The plane is 336 wide from 52, and 186 high from 212 upwards.
    assert dots == [(52.0, pytest.approx(165.5)), (388.0, pytest.approx(26.0))]
    titles = [each.text for each in root.iter("title")]
    assert "arm, step 0: 1.00 (0.50 to 2.00)" in titles
    assert "arm, step 3: 4.00" in titles


def test_a_label_of_a_rule_is_not_written_over_the_bars() -> None:
    texts = [each.text for each in ET.fromstring(chart(DRAWINGS["null"])).iter("text")]
    assert "observed" not in texts
    assert "observed</span>" in figure(DRAWINGS["null"])
    axes = axes_of(DRAWINGS["null"])
    axes.figure.canvas.draw()
    legend, plane = axes.get_legend().get_window_extent(), axes.get_window_extent()
    assert legend.y0 >= plane.y1


def test_bars_are_as_long_as_their_values() -> None:
    drawing = DRAWINGS["bars"]
    root = ET.fromstring(chart(drawing))
    widths = [float(bar.get("width")) for bar in root.iter("rect")]
    assert widths == [pytest.approx(0.2 * 336), pytest.approx(336)]
    tops = [float(bar.get("y")) for bar in root.iter("rect")]
    assert tops[0] < tops[1]
    assert [each.text for each in root.iter("title")] == [
        "de: 20.0 % (10.0 % to 40.0 %)",
        "en: 100 %",
    ]
    first, second = axes_of(drawing).patches
    assert (first.get_width(), second.get_width()) == (0.2, 1)
    assert first.get_y() > second.get_y()


def test_the_first_row_of_a_downward_heat_map_is_at_the_top() -> None:
    axes = axes_of(DRAWINGS["heat"])
    (image,) = axes.images
    assert image.origin == "lower"
    np.testing.assert_array_equal(image.get_array(), [[3, 4, 5], [0, 1, 2]])


@pytest.mark.parametrize("ends", [("0", "5"), ("0 %", "1 234.5 %")])
def test_the_label_of_a_colour_scale_stands_beside_it(ends) -> None:
    """However wide its ends' texts are, which the label lies between."""
    pytest.importorskip("matplotlib")
    heat = Heat(np.arange(6.0).reshape(2, 3), 0, 5, *ends, label="relative drift")
    made = plot.shown_on(Drawing("m", "", "layer", "prompt", heat=heat), None)
    made.canvas.draw()
    scale = made.axes[1]
    label = scale.yaxis.label.get_window_extent()
    bar = scale.get_window_extent()
    assert bar.x1 <= label.x0 <= bar.x1 + 1.5 * bar.width
    for tick in scale.get_yticklabels():
        assert not label.overlaps(tick.get_window_extent())


@pytest.mark.parametrize(
    "drawing",
    [
        Drawing("c", "", "", ""),
        Drawing("c", "", "", "", (Curve("x", "a", (Point(0, NAN),)),)),
        Drawing("h", "", "", "", histograms=(Histogram("", "a", (0, 1), (0,)),)),
        Drawing("b", "", "", "", bars=Bars("a", ("x",), (Point(NAN, 0),))),
        Drawing("m", "", "", "", heat=Heat(np.empty((0, 3)), 0, 1, "0", "1")),
    ],
)
def test_a_drawing_of_nothing_is_no_figure(drawing) -> None:
    assert drawing.empty
    assert figure(drawing) == ""


def test_text_is_escaped_wherever_it_stands() -> None:
    curve = Curve(ODD, "a", (Point(0, 1, note=ODD), Point(1, 2)))
    odd = Drawing("o", ODD, ODD, ODD, (curve,), note=ODD)
    bars = Drawing("b", ODD, ODD, "", bars=Bars("a", (ODD,), (Point(1, 0),)))
    for drawing in (odd, bars):
        text = figure(drawing)
        assert "<b>" not in text
        root = ET.fromstring(re.search("<svg.*</svg>", text, re.DOTALL)[0])
        assert root.get("aria-label") == ODD
        assert ODD in [each.text for each in root.iter("text")]


def test_cells_of_a_table_are_escaped() -> None:
    cell = Cell(ODD, small=ODD, below=ODD, title=ODD, strong=True, swatch="a")
    table = Table([ODD], [[cell], [ODD]], wrapped=True, pale=[1])
    source = '{% from "parts.html" import table %}{{ table(data) }}'
    from vaccine_swift.pages.rendering import _environment

    text = _environment().from_string(source).render(data=table)
    root = ET.fromstring(f"<div>{text.replace('<br>', '<br/>')}</div>")
    cells = ["".join(each.itertext()) for each in root.iter("td")]
    assert cells == [f"{ODD} {ODD}{ODD}", ODD]
    assert [each.get("class") for each in root.iter("tr")] == [None, None, "floor"]


def test_a_name_that_a_template_lacks_is_an_error() -> None:
    import jinja2

    with pytest.raises(jinja2.UndefinedError, match="title"):
        rendered("page.html")
