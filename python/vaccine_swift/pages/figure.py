"""A drawing as SVG, in the colours of the page's style sheet."""

from __future__ import annotations

import math

from markupsafe import Markup

from vaccine_swift.pages.drawing import Bars, Curve, Drawing, Point
from vaccine_swift.pages.heat import heat_image
from vaccine_swift.pages.numbers import digits, interval_digits
from vaccine_swift.pages.svg import Chart

__all__ = ["chart"]


def chart(drawing: Drawing) -> Markup:
    """The ``<svg>`` element of a drawing that is not empty."""
    made = Chart(
        drawing.x_scale,
        drawing.y_scale,
        label=drawing.title,
        x_label=drawing.x_label,
        y_label=drawing.y_label or drawing.unit,
    )
    if drawing.heat is not None:
        heat = drawing.heat
        values = heat.values if heat.downwards else heat.values[::-1]
        made.image(heat_image(values, heat.low, heat.high))
    if drawing.bars is not None:
        _add_bars(made, drawing.bars, drawing)
    for histogram in drawing.histograms:
        made.bars(histogram.edges, histogram.heights, histogram.style)
    for curve in drawing.curves:
        _add_curve(made, curve, drawing)
    for rule in drawing.rules:
        if math.isfinite(rule.x):
            made.rule(rule.x, rule.style, rule.label)
    return made.svg()


def _add_curve(made: Chart, curve: Curve, drawing: Drawing) -> None:
    places = [(p.x + curve.shift, p.y) for p in curve.points]
    if curve.band:
        ends = [(p.x, _or_nan(p.low), _or_nan(p.high)) for p in curve.points]
        made.band(ends, curve.style)
    if curve.line:
        made.line(places, curve.style, curve.label)
    for (x, y), p in zip(places, curve.points, strict=True):
        low, high, left, right = map(_or_nan, (p.low, p.high, p.left, p.right))
        if math.isfinite(low + high) and not curve.band:
            made.whiskers((x, low), (x, high), curve.style)
        if math.isfinite(left + right):
            made.whiskers((left, y), (right, y), curve.style)
    if curve.cloud:
        made.dots(places, curve.style, radius=2)
        return
    titles = [_pointer_text(curve, point, drawing) for point in curve.points]
    if curve.dots:
        made.dots(places, f"{curve.style} ringed", titles, radius=3.8)
        for place, point, title in zip(places, curve.points, titles, strict=True):
            if point.large:
                made.dots([place], f"{curve.style} ringed", [title], radius=6)
    else:
        made.dots(places, "hidden", titles, radius=7)


def _add_bars(made: Chart, bars: Bars, drawing: Drawing) -> None:
    last = len(bars.points) - 1
    for index, (name, point) in enumerate(zip(bars.names, bars.points, strict=True)):
        if not math.isfinite(point.x):
            continue
        title = f"{name}: {_number(point.x, drawing)}"
        if known := _interval(point.left, point.right, drawing):
            title += f" ({known})"
        row = float(last - index)
        if bars.dots:
            made.dots([(point.x, row)], f"{bars.style} ringed", [title], radius=3.8)
        else:
            made.level_bar(row, point.x, bars.style, title)
        left, right = _or_nan(point.left), _or_nan(point.right)
        if math.isfinite(left + right):
            made.whiskers((left, row), (right, row), bars.style)


def _pointer_text(curve: Curve, point: Point, drawing: Drawing) -> str:
    """What shows under the pointer."""
    words = [each for each in (curve.label, point.note) if each]
    if not drawing.tick_names:
        words.append(f"{drawing.x_label} {_place(point.x)}")
    text = f"{', '.join(words)}: {_number(point.y, drawing)}"
    known = _interval(point.low, point.high, drawing)
    return f"{text} ({known})" if known else text


def _place(value: float) -> str:
    """A place on an axis: short, whole numbers without digits behind the point."""
    return f"{value:.4g}".replace("-", "−")


def _interval(low: float | None, high: float | None, drawing: Drawing) -> str:
    if not math.isfinite(_or_nan(low) + _or_nan(high)):
        return ""
    factor, unit = (100, " %") if drawing.share else (1, "")
    ends = interval_digits(factor * _or_nan(low), factor * _or_nan(high))
    return " to ".join(f"{end}{unit}" for end in ends)


def _number(value: float, drawing: Drawing) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{digits(100 * value)} %" if drawing.share else digits(value)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
