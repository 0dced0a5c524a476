"""What a chart shows, described once, drawn as SVG and by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift.pages import scales
from vaccine_swift.pages.scales import Scale

__all__ = ["Bars", "Curve", "Drawing", "Heat", "Histogram", "Point", "Rule"]


_CLOUD = 100


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a place, with what is known of its intervals.

    Parameters
    ----------
    x, y : float
    low, high : float or None
        Of the interval of y.
    left, right : float or None
        Of the interval of x.
    note : str
        Shown with the value under the pointer, such as what the point stands for.
    large : bool
        Whether its mark is larger, such as that of a line's end.
    """

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    left: float | None = None
    right: float | None = None
    note: str = ""
    large: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of one arm.

    Parameters
    ----------
    label : str
        For the key; an empty one stays out of it.
    style : str
        A class of `vaccine_swift.pages.style`: a colour, perhaps "dashed" or
        "dotted".
    points : tuple of Point
    line : bool
        Whether the points are joined.
    dots : bool
        Whether each point is marked.
    band : bool
        Whether intervals are an area rather than whiskers.
    shift : float
        How far it is drawn to the right, so that whiskers of arms stand side by side.
    """

    label: str
    style: str
    points: tuple[Point, ...]
    line: bool = True
    dots: bool = True
    band: bool = False
    shift: float = 0.0

    @property
    def cloud(self) -> bool:
        """Whether its points are so many that they are drawn small and unnamed."""
        return not self.line and len(self.points) > _CLOUD


@dataclass(frozen=True, slots=True)
class Histogram:
    """Heights of bars between edges.

    Parameters
    ----------
    label, style : str
        As of a curve.
    edges : tuple of float
        One more than heights.
    heights : tuple of float
    """

    label: str
    style: str
    edges: tuple[float, ...]
    heights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """An upright line through the whole plane.

    Parameters
    ----------
    label, style : str
        As of a curve.
    x : float
    """

    label: str
    style: str
    x: float


@dataclass(frozen=True, slots=True)
class Bars:
    """A level bar from 0 for each named value, the first at the top.

    Parameters
    ----------
    style : str
    names : tuple of str
    points : tuple of Point
        ``x`` is the length, ``left`` to ``right`` its interval; ``y`` is not used.
    dots : bool
        A dot at the value rather than a bar from 0, for values far from 0.
    """

    style: str
    names: tuple[str, ...]
    points: tuple[Point, ...]
    dots: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """A colour for each cell of a table.

    Parameters
    ----------
    values : array [rows, columns]
        NaN is left blank.
    low, high : float
        Values of the first and the last colour; those outside have the nearer one.
    low_text, high_text : str
        What the colour scale's ends are called.
    label : str
        Of the colour scale.
    downwards : bool
        Whether row 0 is at the top.
    """

    values: npt.NDArray[np.float64]
    low: float
    high: float
    low_text: str
    high_text: str
    label: str = ""
    downwards: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart.

    Parameters
    ----------
    name : str
        Of its file.
    title, x_label, y_label : str
    curves : tuple of Curve
    ticks : tuple of float
        Places on the x axis that are named; empty: round ones.
    tick_names : tuple of str
        What they are called; empty: their numbers.
    zero : bool
        Whether the y axis starts at 0.
    share : bool
        Whether y is a share, written in per cent; of bars, their length.
    unit : str
        What y is measured in, where `y_label` does not say it.
    note : str
        Under the chart.
    histograms : tuple of Histogram
    rules : tuple of Rule
    bars : Bars, optional
        Alone in their drawing.
    heat : Heat, optional
        Likewise.
    x, y : Scale, optional
        The axes where they do not follow from the marks.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...] = ()
    ticks: tuple[float, ...] = ()
    tick_names: tuple[str, ...] = ()
    zero: bool = True
    share: bool = False
    unit: str = ""
    note: str = ""
    histograms: tuple[Histogram, ...] = ()
    rules: tuple[Rule, ...] = ()
    bars: Bars | None = None
    heat: Heat | None = None
    x: Scale | None = None
    y: Scale | None = None

    @property
    def empty(self) -> bool:
        """Whether no mark has a finite value."""
        if self.heat is not None:
            return self.heat.values.size == 0
        if self.bars is not None:
            return not any(math.isfinite(point.x) for point in self.bars.points)
        return not any(True for _ in self._heights())

    @property
    def x_scale(self) -> Scale:
        """The axis from left to right."""
        if self.x is not None:
            return self.x
        if self.heat is not None:
            return scales.cells(self.heat.values.shape[1])
        if self.bars is not None:
            ends = _known(
                end for p in self.bars.points for end in (p.x, p.left, p.right)
            )
            start = [] if self.bars.dots else [0.0]
            return scales.linear([*start, *ends], per_cent=self.share, count=4)
        places = list(
            _known(
                value
                for curve in self.curves
                for point in curve.points
                for value in (point.x, point.left, point.right)
            )
        )
        if self.ticks:
            return scales.at(self.ticks, self.tick_names or None, places)
        edges = [edge for each in self.histograms for edge in each.edges]
        rules = _known(rule.x for rule in self.rules)
        return scales.linear([*edges, *places, *rules])

    @property
    def y_scale(self) -> Scale:
        """The axis from bottom to top."""
        if self.y is not None:
            return self.y
        if self.heat is not None:
            return scales.cells(
                self.heat.values.shape[0], downwards=self.heat.downwards
            )
        if self.bars is not None:
            return scales.rows(self.bars.names)
        heights = list(self._heights())
        return scales.linear(heights, zero=self.zero, per_cent=self.share)

    @property
    def key(self) -> list[tuple[str, str]]:
        """Style and label of every mark that has a label."""
        marks: list[Curve | Histogram | Rule] = [*self.curves, *self.histograms]
        marks += self.rules
        return [(each.style, each.label) for each in marks if each.label]

    def _heights(self) -> Iterator[float]:
        for curve in self.curves:
            for point in curve.points:
                yield from _known((point.y, point.low, point.high))
        for histogram in self.histograms:
            if any(histogram.heights):
                yield 0.0
                yield from _known(histogram.heights)


def _known(values: Any) -> Iterator[float]:
    for value in values:
        if value is not None and math.isfinite(value):
            yield value
