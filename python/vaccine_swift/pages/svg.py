"""A small writer of SVG charts whose colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree import ElementTree as ET

from markupsafe import Markup

from vaccine_swift.pages.scales import Scale

__all__ = ["Chart"]

WIDTH: Final = 400
HEIGHT: Final = 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 38
_LETTER: Final = 6.0
"""Mean width of a letter of a tick's name."""

Points = Sequence[tuple[float, float]]


class Chart:
    """Axes with marks in data coordinates.

    Parameters
    ----------
    x, y : Scale
        Of the two axes.
    label : str
        What a screen reader says of the chart.
    x_label, y_label : str
        Under the x axis, and above the y axis.
    """

    def __init__(
        self, x: Scale, y: Scale, *, label: str, x_label: str = "", y_label: str = ""
    ) -> None:
        self._x, self._y = x, y
        self._x_label, self._y_label = x_label, y_label
        self._top = _TOP + (16 if y_label else 0)
        longest = max((len(text) for _, text in y.ticks), default=0)
        self._left = max(_LEFT, min(round(_LETTER * longest) + 10, WIDTH // 2))
        box = f"0 0 {WIDTH} {HEIGHT}"
        self._root = ET.Element(
            "svg", {"viewBox": box, "role": "img", "aria-label": label}
        )
        self._add_axes()

    def column(self, value: float) -> float:
        """Horizontal position of a value."""
        return self._left + self._x.place(value) * (WIDTH - self._left - _RIGHT)

    def row(self, value: float) -> float:
        """Vertical position of a value."""
        return HEIGHT - _BOTTOM - self._y.place(value) * (HEIGHT - self._top - _BOTTOM)

    def line(self, points: Points, style: str, title: str = "") -> None:
        """A line through the finite points, broken where one is not finite."""
        for run in _runs(points):
            if len(run) == 1:
                self.dots(run, style)
            self._add("path", title, {"class": f"line {style}", "d": self._path(run)})

    def band(self, points: Sequence[tuple[float, float, float]], style: str) -> None:
        """The area between low and high: (x, low, high)."""
        runs: list[list[tuple[float, float, float]]] = [[]]
        for point in points:
            if all(map(math.isfinite, point)):
                runs[-1].append(point)
            elif runs[-1]:
                runs.append([])
        for run in filter(None, runs):
            upper = [(x, high) for x, _, high in run]
            lower = [(x, low) for x, low, _ in reversed(run)]
            outline = f"{self._path(upper + lower)}Z"
            self._add("path", "", {"class": f"band {style}", "d": outline})

    def dots(
        self, points: Points, style: str, titles: Sequence[str] = (), radius: float = 3
    ) -> None:
        """A dot at each finite point, with a text that shows under the pointer."""
        for index, (x, y) in enumerate(points):
            if math.isfinite(y):
                place = {
                    "cx": f"{self.column(x):.1f}",
                    "cy": f"{self.row(y):.1f}",
                    "r": f"{radius}",
                }
                title = titles[index] if titles else ""
                self._add("circle", title, {"class": f"dot {style}", **place})

    def whiskers(
        self, start: tuple[float, float], end: tuple[float, float], style: str
    ) -> None:
        """An interval as a line, upright or level, with a short bar at each end."""
        (x, y), (right, top) = ((self.column(a), self.row(b)) for a, b in (start, end))
        across, up = (0, 2.5) if y == top else (2.5, 0)
        path = f"M{x:.1f},{y:.1f}L{right:.1f},{top:.1f}" + "".join(
            f"M{a - across:.1f},{b - up:.1f}l{2 * across:.1f},{2 * up:.1f}"
            for a, b in ((x, y), (right, top))
        )
        self._add("path", "", {"class": f"whisker {style}", "d": path})

    def bars(self, edges: Sequence[float], counts: Sequence[float], style: str) -> None:
        """A histogram."""
        for left, right, count in zip(edges, edges[1:], counts, strict=False):
            x, top = self.column(left), self.row(count)
            width = max(self.column(right) - x - 0.6, 0.6)
            self._rectangle("", x, top, width, max(self.row(0) - top, 0), style)

    def level_bar(self, row: float, length: float, style: str, title: str) -> None:
        """A bar from 0 to the right or left, in a row of the y axis."""
        ends = sorted((self.column(0), self.column(length)))
        middle, half = self.row(row), 0.3 * abs(self.row(1) - self.row(0))
        half = min(half or 14, 14)
        width = max(ends[1] - ends[0], 0.6)
        self._rectangle(title, ends[0], middle - half, width, 2 * half, style)

    def rule(self, value: float, style: str, title: str) -> None:
        """An upright line through the plane."""
        x = f"{self.column(value):.1f}"
        ends = {"x1": x, "x2": x, "y1": f"{self._top}", "y2": f"{HEIGHT - _BOTTOM}"}
        self._add("line", title, {"class": f"line {style}", **ends})

    def image(self, source: str) -> None:
        """A picture that fills the plane."""
        attributes = {
            "href": source,
            "x": f"{self._left}",
            "y": f"{self._top}",
            "width": f"{WIDTH - self._left - _RIGHT}",
            "height": f"{HEIGHT - self._top - _BOTTOM}",
            "preserveAspectRatio": "none",
        }
        self._add("image", "", attributes)

    def svg(self) -> Markup:
        """The whole chart."""
        return Markup(ET.tostring(self._root, encoding="unicode"))

    def _add(self, tag: str, title: str, attributes: dict[str, str]) -> None:
        element = ET.SubElement(self._root, tag, attributes)
        if title:
            ET.SubElement(element, "title").text = title

    def _rectangle(
        self, title: str, x: float, y: float, width: float, height: float, style: str
    ) -> None:
        sizes = {"x": x, "y": y, "width": width, "height": height}
        places = {name: f"{value:.1f}" for name, value in sizes.items()}
        self._add("rect", title, {"class": f"bar {style}", **places})

    def _add_text(
        self, text: str, style: str, x: float, y: float, anchor: str = ""
    ) -> None:
        attributes = {"class": style, "x": f"{x:.1f}", "y": f"{y:.1f}"}
        if anchor:
            attributes["text-anchor"] = anchor
        ET.SubElement(self._root, "text", attributes).text = text

    def _level(self, style: str, y: float) -> None:
        ends = {"x1": f"{self._left}", "x2": f"{WIDTH - _RIGHT}"}
        height = {"y1": f"{y:.1f}", "y2": f"{y:.1f}"}
        self._add("line", "", {"class": style, **ends, **height})

    def _path(self, points: Iterable[tuple[float, float]]) -> str:
        places = (f"{self.column(x):.1f},{self.row(y):.1f}" for x, y in points)
        return "M" + "L".join(places)

    def _add_axes(self) -> None:
        base = HEIGHT - _BOTTOM
        for value, text in self._y.ticks:
            y = self.row(value)
            if self._y.grid:
                self._level("grid", y)
            self._add_text(text, "tick", self._left - 6, y + 4, "end")
        for value, text in self._x.ticks:
            self._add_text(text, "tick", self.column(value), base + 15, "middle")
        if self._y.grid:
            self._level("axis", base)
        if self._x_label:
            middle = (self._left + WIDTH - _RIGHT) / 2
            self._add_text(self._x_label, "name", middle, HEIGHT - 5, "middle")
        if self._y_label:
            self._add_text(self._y_label, "name", 2, 14)


def _runs(points: Points) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
