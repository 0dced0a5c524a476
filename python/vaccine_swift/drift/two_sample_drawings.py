"""The pictures of a report of two samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sized
from typing import Any, Final

import numpy as np

from vaccine_swift._plurals import counted, plural
from vaccine_swift.drift.two_sample_content import ALL, most_moved, or_nan
from vaccine_swift.pages import scales
from vaccine_swift.pages.drawing import Bars, Curve, Drawing, Heat, Point
from vaccine_swift.pages.numbers import whole_number
from vaccine_swift.pages.scales import Scale
from vaccine_swift.pages.style import SERIES

__all__ = ["DRAWINGS"]

_MOST: Final = 12

Content = Mapping[str, Any]


def _map(content: Content) -> Drawing:
    """Both sets as points."""
    found = content["map"] or {"reference": (), "current": (), "shares": (0, 0)}
    curves = [
        Curve(side, style, tuple(Point(x, y) for x, y in found[side]), line=False)
        for side, style in (("reference", "a"), ("current", "b"))
    ]
    x, y = _labels(found["shares"])
    return Drawing("map", "Both sets in one plane", x, y, tuple(curves), zero=False)


def _density(content: Content) -> Drawing:
    """Where the current set has more of its rows than the reference."""
    found = content["map"]
    values = np.empty((0, 0))
    if found:
        reference, current = np.array(found["densities"], np.float64)
        values = np.where(reference + current > 0, current - reference, math.nan)
    finite = values[np.isfinite(values)]
    top = float(np.abs(finite).max()) if finite.size else 1.0
    x, y = _labels(found["shares"] if found else (0, 0))
    across, up = map(_cells, found["edges"]) if found else (None, None)
    heat = Heat(
        values,
        -top,
        top or 1.0,
        f"{100 * top:.2g} % of rows fewer",
        f"{100 * top:.2g} % more",
        "current − reference",
    )
    title = "Where the current set is denser"
    return Drawing("density", title, x, y, heat=heat, x=across, y=up)


def _means(content: Content) -> Drawing:
    """The way of each segment's mean from the reference to the current set."""
    found = content["map"] or {"means": {}, "shares": (0, 0)}
    names = [name for name in found["means"] if name != ALL] or list(found["means"])
    most = 2 * len(SERIES)
    moved = most_moved(content, most + 1)
    shown = [name for name in names if name in moved][:most]
    curves = []
    for index, name in enumerate(shown):
        (x0, y0), (x1, y1) = found["means"][name]
        style = SERIES[index % len(SERIES)]
        style += " dashed" if index >= len(SERIES) else ""
        start, end = Point(x0, y0), Point(x1, y1)
        curves.append(Curve(name, style, (start, end), dots=False))
        curves.append(Curve("", style, (end,), line=False))
    x, y = _labels(found["shares"])
    return Drawing(
        "means",
        "How the means of the segments went",
        x,
        y,
        tuple(curves),
        zero=False,
        note=f"The end with a dot is the current set. {_left_out(names, shown)}",
    )


def _shifts(content: Content) -> Drawing:
    """The size of each segment's shift."""
    shown = most_moved(content, _MOST)
    entries = [content["segments"][name] for name in shown]
    names = tuple(
        f"{name} ({whole_number(each['reference'])}, {whole_number(each['current'])})"
        for name, each in zip(shown, entries, strict=True)
    )
    points = tuple(Point(or_nan(each["mean_shift"]), 0) for each in entries)
    return Drawing(
        "shifts",
        "Shift by segment",
        "shift of the mean, in spreads of the rows",
        "",
        bars=Bars("a", names, points),
        note=_left_out(content["segments"], shown),
    )


def _left_out(all_of_them: Sized, shown: Sized) -> str:
    missing = len(all_of_them) - len(shown)
    if not missing:
        return ""
    verb = plural(missing, "is", "are")
    return f"{counted(missing, 'segment')} that moved less {verb} left out."


def _clusters(content: Content) -> Drawing:
    """How the share of rows in each cluster changed."""
    found = (content.get("clusters") or {"clusters": []})["clusters"]
    names = tuple(f"cluster {place}" for place in range(1, len(found) + 1))
    points = tuple(Point(each["change"], 0) for each in found)
    title = "Rows gained and lost by cluster"
    label = "share of the current rows less that of the reference"
    bars = Bars("a", names, points)
    return Drawing("clusters", title, label, "", bars=bars, share=True)


def _labels(shares: Any) -> tuple[str, str]:
    first, second = (
        f"component {k + 1} ({100 * s:.0f} %)" for k, s in enumerate(shares)
    )
    return first, second


def _cells(edges: list[float]) -> Scale:
    """A scale over cells that names their values."""
    count = len(edges) - 1
    step = (edges[-1] - edges[0]) / count
    ticks = tuple(
        ((value - edges[0]) / step - 0.5, text)
        for value, text in scales.linear(edges, count=4).ticks
        if edges[0] <= value <= edges[-1]
    )
    return Scale(-0.5, count - 0.5, ticks, grid=False)


DRAWINGS: Final[dict[str, Callable[[Content], Drawing]]] = {
    "map": _map,
    "density": _density,
    "means": _means,
    "shifts": _shifts,
    "clusters": _clusters,
}
"""Pictures by name."""
