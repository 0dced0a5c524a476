"""A drawing as an SVG figure of the page."""

from __future__ import annotations

import math
from collections.abc import Iterator

from vaccine_swift._report import scales
from vaccine_swift._report.parts import figure, key
from vaccine_swift._report.svg import Chart, escaped
from vaccine_swift.study.report._drawings import Curve, Drawing

__all__ = ["drawn"]


def drawn(drawing: Drawing) -> str:
    """The figure, or nothing where there is nothing to draw."""
    heights = [value for curve in drawing.curves for value in _heights(curve)]
    if not heights:
        return ""
    x = _x_scale(drawing)
    chart = Chart(
        x,
        scales.linear(heights, zero=drawing.zero, per_cent=drawing.share),
        label=drawing.title,
        x_label=drawing.x_label,
        y_label=drawing.y_label,
    )
    for curve in drawing.curves:
        _draw(chart, curve, drawing)
    entries = [(each.style, each.label) for each in drawing.curves if each.label]
    note = (
        f"<figcaption>{escaped(drawing.note.strip())}</figcaption>"
        if drawing.note
        else ""
    )
    return figure(drawing.title, chart.svg(), key(entries) + note)


def _draw(chart: Chart, curve: Curve, drawing: Drawing) -> None:
    places = [(p.x + curve.shift, p.y) for p in curve.points]
    if curve.band:
        ends = [(p.x, _or_nan(p.low), _or_nan(p.high)) for p in curve.points]
        chart.band(ends, curve.style)
    if curve.line:
        chart.line(places, curve.style, curve.label)
    for (x, y), p in zip(places, curve.points, strict=True):
        if p.low is not None and p.high is not None and not curve.band:
            chart.whiskers((x, p.low), (x, p.high), curve.style)
        if p.left is not None and p.right is not None:
            chart.whiskers((p.left, y), (p.right, y), curve.style)
        if p.note:
            chart.text((x, y), p.note)
    titles = [_told(curve, index, drawing) for index in range(len(places))]
    if curve.dots:
        chart.dots(places, f"{curve.style} ringed", titles, radius=3.8)
    else:
        chart.dots(places, "hidden", titles, radius=5)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _told(curve: Curve, index: int, drawing: Drawing) -> str:
    """What shows under the pointer."""
    point = curve.points[index]
    factor, unit = (100, " %") if drawing.share else (1, "")
    text = f"{curve.label}: {factor * point.y:.3g}{unit}"
    if point.low is not None and point.high is not None:
        text += f" ({factor * point.low:.3g} to {factor * point.high:.3g})"
    if not drawing.tick_names:
        text += f" at {drawing.x_label} {point.x:.3g}"
    return text.replace("-", "−")


def _heights(curve: Curve) -> Iterator[float]:
    for point in curve.points:
        for value in (point.y, point.low, point.high):
            if value is not None and math.isfinite(value):
                yield value


def _x_scale(drawing: Drawing) -> scales.Scale:
    if drawing.ticks:
        return scales.at(drawing.ticks, drawing.tick_names or None)
    ends = [
        value
        for curve in drawing.curves
        for point in curve.points
        for value in (point.x, point.left, point.right)
        if value is not None
    ]
    return scales.linear(ends)
