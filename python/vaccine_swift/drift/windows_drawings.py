"""The pictures of a report of windows: lines over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from vaccine_swift._plurals import counted, plural
from vaccine_swift.drift.two_sample_content import or_nan
from vaccine_swift.drift.windows_content import most_evident
from vaccine_swift.pages import scales
from vaccine_swift.pages.drawing import Curve, Drawing, Point
from vaccine_swift.pages.style import SERIES

__all__ = ["DRAWINGS"]

Content = Mapping[str, Any]

_MOST_LINES: Final = 10
_MOST_TICKS: Final = 5
_LONGEST_TICK: Final = 11
_ABOVE: Final = 1e6
"""How far above the threshold evidence is drawn."""


def _evidence(content: Content) -> Drawing:
    """The evidence of each line, and the threshold of an alarm."""
    threshold = content["settings"]["threshold"]
    top = threshold * _ABOVE
    curves = _curves(content, lambda entry: min(entry["evidence"], top))
    last = len(content["windows"]) - 1
    if curves:
        # To both sides of the point where there is one window alone.
        ends = (Point(0 if last else -1, threshold), Point(last or 1, threshold))
        alarm = f"alarm at {threshold:g}"
        curves.append(Curve(alarm, "quiet dotted", ends, dots=False))
    heights = [point.y for curve in curves for point in curve.points]
    return Drawing(
        "evidence",
        "Evidence of drift",
        "window",
        "evidence",
        tuple(curves),
        *_ticks(content),
        y=scales.logarithmic(heights),
        note=_left_out(content),
    )


def _shifts(content: Content) -> Drawing:
    """The shift of each line's mean in each window."""
    curves = _curves(content, lambda entry: or_nan(entry["mean_shift"]))
    return Drawing(
        "shifts",
        "Shift against the reference",
        "window",
        "shift of the mean, in spreads of the rows",
        tuple(curves),
        *_ticks(content),
        note=_left_out(content),
    )


def _curves(
    content: Content, value: Callable[[Mapping[str, Any]], float]
) -> list[Curve]:
    curves = []
    for place, line in enumerate(most_evident(content, _MOST_LINES)):
        style = SERIES[place % len(SERIES)]
        style += " dashed" if place >= len(SERIES) else ""
        entries = [window["lines"][line] for window in content["windows"]]
        points = tuple(
            Point(step, value(entry), note=content["windows"][step]["name"])
            for step, entry in enumerate(entries)
        )
        known = any(math.isfinite(point.y) for point in points)
        if known:
            curves.append(Curve(line, style, points))
    return curves


def _left_out(content: Content) -> str:
    missing = len(content["settings"]["lines"]) - _MOST_LINES
    if missing <= 0:
        return ""
    return (
        f"{counted(missing, 'line')} with less evidence {plural(missing, 'is', 'are')} "
        f"left out; the tables have {plural(missing, 'it', 'them')}."
    )


def _ticks(content: Content) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Places of the windows that are named, and their names, cut where long."""
    names = [window["name"] for window in content["windows"]]
    if not names:
        return (), ()
    step = math.ceil(len(names) / _MOST_TICKS)
    places = range(len(names) - 1, -1, -step)[::-1]
    return tuple(map(float, places)), tuple(_cut(names[place]) for place in places)


def _cut(name: str) -> str:
    """The end of a name, where windows differ."""
    return name if len(name) <= _LONGEST_TICK else f"…{name[1 - _LONGEST_TICK :]}"


DRAWINGS: Final[dict[str, Callable[[Content], Drawing]]] = {
    "evidence": _evidence,
    "shifts": _shifts,
}
"""Pictures by name."""
