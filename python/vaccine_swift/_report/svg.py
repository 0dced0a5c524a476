"""A small writer of SVG charts whose colours come from the page's style sheet."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Final

from vaccine_swift._report.scales import Scale

__all__ = ["Chart", "escaped"]

WIDTH: Final = 400
HEIGHT: Final = 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 38

Points = Sequence[tuple[float, float]]


def escaped(text: object) -> str:
    """Text that is safe in HTML and SVG, attributes included."""
    return html.escape(str(text), quote=True)


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
        self._label, self._x_label, self._y_label = label, x_label, y_label
        self._marks: list[str] = []
        self._top = _TOP + (16 if y_label else 0)

    def column(self, value: float) -> float:
        """Horizontal position of a value."""
        return _LEFT + self._x.place(value) * (WIDTH - _LEFT - _RIGHT)

    def row(self, value: float) -> float:
        """Vertical position of a value."""
        return HEIGHT - _BOTTOM - self._y.place(value) * (HEIGHT - self._top - _BOTTOM)

    def line(self, points: Points, style: str, title: str = "") -> None:
        """A line through the finite points, broken where one is not finite."""
        for run in _runs(points):
            path = self._path(run)
            if len(run) == 1:
                self.dots(run, style)
            self._marks.append(
                f'<path class="line {style}" d="{path}">{_title(title)}</path>'
            )

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
            self._marks.append(
                f'<path class="band {style}" d="{self._path(upper + lower)}Z"/>'
            )

    def dots(
        self, points: Points, style: str, titles: Sequence[str] = (), radius: float = 3
    ) -> None:
        """A dot at each finite point, with a text that shows under the pointer."""
        for index, (x, y) in enumerate(points):
            if math.isfinite(y):
                title = _title(titles[index]) if titles else ""
                self._marks.append(
                    f'<circle class="dot {style}" cx="{self.column(x):.1f}" '
                    f'cy="{self.row(y):.1f}" r="{radius}">{title}</circle>'
                )

    def whiskers(
        self, start: tuple[float, float], end: tuple[float, float], style: str
    ) -> None:
        """An interval as a line, upright or level, with a short bar at each end."""
        (x, y), (right, top) = ((self.column(a), self.row(b)) for a, b in (start, end))
        across, up = (0, 2.5) if y == top else (2.5, 0)
        self._marks.append(
            f'<path class="whisker {style}" d="M{x:.1f},{y:.1f}L{right:.1f},{top:.1f}'
            + "".join(
                f"M{a - across:.1f},{b - up:.1f}l{2 * across:.1f},{2 * up:.1f}"
                for a, b in ((x, y), (right, top))
            )
            + '"/>'
        )

    def bars(self, edges: Sequence[float], counts: Sequence[float], style: str) -> None:
        """A histogram."""
        for left, right, count in zip(edges, edges[1:], counts, strict=False):
            x, top = self.column(left), self.row(count)
            self._marks.append(
                f'<rect class="bar {style}" x="{x:.1f}" y="{top:.1f}" '
                f'width="{max(self.column(right) - x - 0.6, 0.6):.1f}" '
                f'height="{max(self.row(0) - top, 0):.1f}"/>'
            )

    def rule(self, value: float, style: str, text: str) -> None:
        """A vertical line with a text beside it."""
        x = self.column(value)
        after = x < WIDTH * 0.6
        anchor, shift = ("start", 5) if after else ("end", -5)
        self._marks.append(
            f'<line class="line {style}" x1="{x:.1f}" x2="{x:.1f}" y1="{self._top}" '
            f'y2="{HEIGHT - _BOTTOM}"/><text class="note" x="{x + shift:.1f}" '
            f'y="{self._top + 12}" text-anchor="{anchor}">{escaped(text)}</text>'
        )

    def text(self, place: tuple[float, float], text: str) -> None:
        """A short text to the right above a place."""
        x, y = self.column(place[0]), self.row(place[1])
        self._marks.append(
            f'<text class="tick" x="{x + 5:.1f}" y="{y - 5:.1f}">{escaped(text)}</text>'
        )

    def image(self, source: str) -> None:
        """A picture that fills the plane."""
        self._marks.append(
            f'<image href="{source}" x="{_LEFT}" y="{self._top}" '
            f'width="{WIDTH - _LEFT - _RIGHT}" '
            f'height="{HEIGHT - self._top - _BOTTOM}" preserveAspectRatio="none"/>'
        )

    def svg(self) -> str:
        """The whole chart."""
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escaped(self._label)}">'
            f"{''.join(self._axes())}{''.join(self._marks)}</svg>"
        )

    def _path(self, points: Iterable[tuple[float, float]]) -> str:
        places = (f"{self.column(x):.1f},{self.row(y):.1f}" for x, y in points)
        return "M" + "L".join(places)

    def _axes(self) -> Iterable[str]:
        base = HEIGHT - _BOTTOM
        for value, text in self._y.ticks:
            y = self.row(value)
            if self._y.grid:
                yield (
                    f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" '
                    f'y1="{y:.1f}" y2="{y:.1f}"/>'
                )
            yield (
                f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" '
                f'text-anchor="end">{escaped(text)}</text>'
            )
        for value, text in self._x.ticks:
            yield (
                f'<text class="tick" x="{self.column(value):.1f}" y="{base + 15}" '
                f'text-anchor="middle">{escaped(text)}</text>'
            )
        if self._y.grid:
            yield (
                f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" '
                f'y1="{base}" y2="{base}"/>'
            )
        if self._x_label:
            yield (
                f'<text class="name" x="{(_LEFT + WIDTH - _RIGHT) / 2}" '
                f'y="{HEIGHT - 5}" text-anchor="middle">{escaped(self._x_label)}</text>'
            )
        if self._y_label:
            yield f'<text class="name" x="2" y="14">{escaped(self._y_label)}</text>'


def _runs(points: Points) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _title(text: str) -> str:
    return f"<title>{escaped(text)}</title>" if text else ""
