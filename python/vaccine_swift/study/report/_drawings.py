"""What a chart shows, before it is drawn as SVG or with matplotlib."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Curve", "Drawing", "Point"]


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
        Written beside it.
    """

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    left: float | None = None
    right: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of one arm.

    Parameters
    ----------
    label : str
        For the key; an empty one stays out of it.
    style : str
        A class of `vaccine_swift._report.style`: a colour, perhaps "dashed" or
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
        Whether y is a share, written in per cent.
    note : str
        Under the chart.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    ticks: tuple[float, ...] = ()
    tick_names: tuple[str, ...] = ()
    zero: bool = True
    share: bool = False
    note: str = ""
