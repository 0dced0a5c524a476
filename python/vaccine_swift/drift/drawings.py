"""The pictures of a report's metrics, each described once for page and matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from vaccine_swift._plurals import plural
from vaccine_swift.drift.report_schema import estimate, metric, shown
from vaccine_swift.pages import scales
from vaccine_swift.pages.drawing import (
    Bars,
    Curve,
    Drawing,
    Heat,
    Histogram,
    Point,
    Rule,
)
from vaccine_swift.pages.numbers import whole_number
from vaccine_swift.pages.style import SERIES

__all__ = [
    "distribution_drawing",
    "group_drawing",
    "history_drawing",
    "layer_drawing",
    "prompt_drawing",
]

_MOST_BARS: Final = 12

Content = Mapping[str, Any]
Estimates = Sequence[tuple[float, float, float]]


def layer_drawing(
    content: Content, name: str, baseline: Content | None = None
) -> Drawing:
    """A metric over the layers with its interval, a baseline and the floor."""
    series = [estimate(layer.get(name)) for layer in content["layers"]]
    beside = []
    if baseline is not None:
        others = [estimate(layer.get(name)) for layer in baseline["layers"]]
        values = [value for value, _, _ in others[: len(series)]]
        if any(map(math.isfinite, values)):
            beside.append(_level("baseline", "b dashed", values))
    if content["floor"] and name == "relative_drift":
        floor = content["floor"]
        levels = [float(each) for each in floor["layers"]]
        beside.append(
            _level(f"noise floor ({floor['source']})", "quiet dashed", levels)
        )
    curve = _curve("this report" if beside else "", "a", series)
    return _over_layers(name, metric(name).label, [curve, *beside], len(series))


def group_drawing(content: Content, name: str) -> Drawing:
    """A metric over the layers for each group; of one layer, a bar for each."""
    groups: Mapping[str, Content] = content["groups"]
    title = f"{metric(name).label} by group"
    if len(content["layers"]) > 1:
        curves = [
            _curve(
                f"{group} ({whole_number(entry['prompts'])} "
                f"{plural(entry['prompts'], 'prompt')})",
                style,
                [estimate(layer.get(name)) for layer in entry["layers"]],
            )
            for style, (group, entry) in zip(SERIES, groups.items(), strict=False)
        ]
        return _over_layers(f"{name}_by_group", title, curves, len(content["layers"]))
    chosen = list(groups.items())[:_MOST_BARS]
    values = [estimate(entry["overall"].get(name)) for _, entry in chosen]
    names = tuple(
        f"{group} ({whole_number(entry['prompts'])})" for group, entry in chosen
    )
    more = len(groups) - _MOST_BARS
    note = f"{more} more {plural(more, 'stands', 'stand')} in the table."
    drawing = _bars(f"{name}_by_group", title, name, names, values)
    return replace(drawing, note=note) if more > 0 else drawing


def prompt_drawing(content: Content) -> Drawing:
    """The most drifted prompts × layers; of one layer, a bar for each."""
    prompts = content["prompts"]
    values = np.array(prompts["relative_drift"], np.float64)
    values = values.reshape(len(values), values.shape[1] if values.ndim > 1 else 0)
    if values.shape[1] == 1:
        names = tuple(map(str, prompts["ids"][:_MOST_BARS]))
        lengths = [(value, math.nan, math.nan) for value in values[:, 0].tolist()]
        title = "Most drifted prompts"
        return _bars("prompts", title, "relative_drift", names, lengths[:_MOST_BARS])
    known = values[np.isfinite(values)]
    top = float(known.max()) if known.size else 1.0
    return Drawing(
        "prompts",
        "Relative drift, prompt × layer",
        "layer",
        "prompt, most drifted first",
        heat=Heat(
            values,
            0.0,
            top or 1.0,
            "0",
            shown("relative_drift", top),
            "relative drift",
            downwards=True,
        ),
    )


def distribution_drawing(content: Content, name: str) -> Drawing:
    """How a metric is spread over the prompts."""
    histogram = (content.get("distribution") or {}).get(name)
    settings = content["settings"]
    unit = "rows" if settings.get("rows") == settings.get("prompts") else "prompts"
    title = f"{metric(name).label} of the {unit}"
    if not histogram:
        return Drawing(f"{name}_distribution", title, "", "")
    edges = tuple(map(float, histogram["edges"]))
    x = scales.linear(edges, per_cent=metric(name).unit == "%", count=4)
    bars = Histogram("", "a", edges, tuple(map(float, histogram["counts"])))
    value = estimate(content["overall"].get(name))[0]
    rules: tuple[Rule, ...] = ()
    if math.isfinite(value):
        rules = (Rule(f"all together: {shown(name, value)}", "b", value),)
        x = scales.linear([*edges, value], per_cent=metric(name).unit == "%", count=4)
    return Drawing(
        f"{name}_distribution",
        title,
        metric(name).label.lower(),
        unit,
        histograms=(bars,),
        rules=rules,
        x=x,
    )


def history_drawing(history: Sequence[Content]) -> Drawing:
    """Relative drift over the steps of a training, a line for each group."""
    points = tuple(
        Point(entry["step"], entry["relative_drift"], entry["low"], entry["high"])
        for entry in history
    )
    curves = [Curve("all prompts", "a", points, dots=len(points) == 1, band=True)]
    for style, group in zip(SERIES[1:], history[0]["groups"], strict=False):
        values = tuple(Point(each["step"], each["groups"][group]) for each in history)
        curves.append(Curve(group, style, values, dots=len(values) == 1))
    steps = [point.x for point in points]
    x = scales.linear([0, *steps], zero=True)
    title = "Drift by step"
    return Drawing(
        "history", title, "step", "relative drift", tuple(curves), x=x, share=True
    )


def _over_layers(name: str, title: str, curves: Sequence[Curve], count: int) -> Drawing:
    key = name.removesuffix("_by_group")
    heights = [
        value
        for curve in curves
        for point in curve.points
        for value in (point.y, point.low, point.high)
        if value is not None and math.isfinite(value)
    ]
    return Drawing(
        name,
        title,
        "layer",
        "",
        tuple(curves),
        zero=not _near_one(heights),
        share=metric(key).unit == "%",
        unit=metric(key).measured_in,
        x=scales.layers(count),
    )


def _near_one(values: Sequence[float]) -> bool:
    """Whether what matters is the distance from 1 rather than that from 0."""
    known = [value for value in values if math.isfinite(value)] or [0.0]
    return min(known) > 0.5 and max(known) < 1.05


def _curve(label: str, style: str, series: Estimates) -> Curve:
    alone = len(series) == 1
    points = tuple(
        Point(layer, value, low, high)
        for layer, (value, low, high) in enumerate(series)
    )
    return Curve(label, style, points, dots=alone, band=not alone)


def _level(label: str, style: str, values: Sequence[float]) -> Curve:
    """Values over the layers; that of a single layer goes from side to side."""
    places = [(-0.5, values[0]), (0.5, values[0])]
    if len(values) > 1:
        places = [(float(layer), value) for layer, value in enumerate(values)]
    return Curve(label, style, tuple(Point(x, y) for x, y in places), dots=False)


def _bars(
    name: str, title: str, key: str, names: tuple[str, ...], values: Estimates
) -> Drawing:
    points = tuple(Point(value, 0, left=low, right=high) for value, low, high in values)
    share = metric(key).unit == "%"
    x = metric(key).label.lower()
    dots = _near_one([value for value, _, _ in values])
    bars = Bars("a", names, points, dots)
    return Drawing(name, title, x, "", share=share, bars=bars)
