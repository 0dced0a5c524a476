"""The charts of a report's page, each a ``<figure>``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from vaccine_swift._report import scales
from vaccine_swift._report.heat import heat_image
from vaccine_swift._report.parts import figure
from vaccine_swift._report.parts import key as named
from vaccine_swift._report.svg import Chart, escaped
from vaccine_swift.drift._report_schema import estimate, metric, shown

__all__ = [
    "cka_figure",
    "group_figure",
    "layer_figure",
    "null_figure",
    "prompt_figure",
    "spectrum_figure",
]

STYLES: Final = ("a", "b", "c", "d", "e")

Content = Mapping[str, Any]


def layer_figure(content: Content, name: str, baseline: Content | None = None) -> str:
    """A metric over the layers, with its interval, the floor and a baseline."""
    series = [estimate(layer.get(name)) for layer in content["layers"]]
    others = baseline["layers"] if baseline else []
    other = [estimate(layer.get(name)) for layer in others][: len(series)]
    floor = content["floor"] if name == "relative_drift" else None
    levels = [float(each) for each in floor["layers"]] if floor else []
    ends = [end for triple in series for end in triple]
    if not any(map(math.isfinite, ends)):
        return ""
    chart = _layer_chart(
        name, len(series), [*ends, *(each[0] for each in other), *levels]
    )
    key = []
    if floor:
        chart.line(_across(levels), "quiet dashed thin", "noise floor")
        key.append(("quiet dashed", f"noise floor ({floor['source']})"))
    if any(math.isfinite(each[0]) for each in other):
        chart.line(_across([each[0] for each in other]), "b dashed", "baseline")
        key.append(("b dashed", "baseline"))
    _curve(chart, name, series, "a", "")
    if key:
        key.insert(0, ("a", "this report"))
    return figure(metric(name).label, chart.svg(), named(key))


def group_figure(content: Content, name: str) -> str:
    """A metric over the layers for each group of prompts."""
    groups = {
        group: [estimate(layer.get(name)) for layer in entry["layers"]]
        for group, entry in content["groups"].items()
    }
    shown_groups = dict(list(groups.items())[: len(STYLES)])
    ends = [end for each in shown_groups.values() for triple in each for end in triple]
    if not any(map(math.isfinite, ends)):
        return ""
    chart = _layer_chart(name, len(content["layers"]), ends)
    key = []
    for style, (group, series) in zip(STYLES, shown_groups.items(), strict=False):
        _curve(chart, name, series, style, group)
        prompts = content["groups"][group].get("prompts")
        key.append((style, f"{group} ({prompts} prompts)"))
    return figure(f"{metric(name).label} by group", chart.svg(), named(key))


def prompt_figure(content: Content) -> str:
    """The most drifted prompts × layers."""
    values = np.array(content["prompts"]["relative_drift"], np.float64)
    if values.size == 0:
        return ""
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    count, layers = values.shape
    chart = Chart(
        scales.cells(layers),
        scales.cells(count, downwards=True),
        label="Relative drift of the most drifted prompts in every layer",
        x_label="layer",
        y_label="prompt, most drifted first",
    )
    chart.image(heat_image(values, 0.0, top))
    legend = _gradient("0", shown("relative_drift", top))
    return figure("Relative drift, prompt × layer", chart.svg(), legend)


def cka_figure(content: Content) -> str:
    """CKA between every layer of the reference and every layer of the current model."""
    if not content["cka_map"]:
        return ""
    values = np.array(content["cka_map"], np.float64)
    finite = values[np.isfinite(values)]
    low = max(0.0, math.floor(10 * finite.min()) / 10) if finite.size else 0.0
    low = min(low, 0.9)
    chart = Chart(
        scales.cells(values.shape[1]),
        scales.cells(values.shape[0]),
        label="CKA between all layers of both models",
        x_label="layer, current",
        y_label="layer, reference",
    )
    chart.image(heat_image(values[::-1], low, 1.0))
    return figure("CKA between layers", chart.svg(), _gradient(f"≤ {low:g}", "1"))


def spectrum_figure(content: Content, layer: int) -> str:
    """Leading eigenvalues of both sides' covariance, as shares of the trace."""
    spectra = content["spectra"][layer]
    sides = {side: spectra[side] for side in ("reference", "current")}
    values = [value for side in sides.values() for value in side if value > 0]
    if not values:
        return ""
    count = max(map(len, sides.values()))
    chart = Chart(
        scales.linear([1, count]) if count < 4 else scales.logarithmic([1, count]),
        scales.logarithmic([*values, max(values) / 10]),
        label=f"Spectra of layer {layer}",
        x_label="component",
        y_label="share of the variance",
    )
    for style, side in (("a", "reference"), ("b dashed", "current")):
        points = [(k + 1, v if v > 0 else math.nan) for k, v in enumerate(sides[side])]
        chart.line(points, style, side)
    key = named([("a", "reference"), ("b dashed", "current")])
    return figure(f"Spectrum, layer {layer}", chart.svg(), key)


def null_figure(name: str, test: Content, title: str) -> str:
    """Where a test's statistic lies among those of the permutations."""
    histogram = (test.get("details") or {}).get("null_histogram")
    if not histogram or not any(histogram["counts"]):
        return ""
    edges, counts = histogram["edges"], histogram["counts"]
    statistic = float(test["statistic"])
    x = scales.linear([*edges, statistic], count=4)
    chart = Chart(
        x,
        scales.linear([0, *counts], zero=True, count=4),
        label=f"Null distribution of {name}",
        x_label="statistic",
        y_label="permutations",
    )
    chart.bars(*_thickened(edges, counts, x), "a")
    if math.isfinite(statistic):
        chart.rule(statistic, "b", f"observed, p = {shown('', test['p_value'])}")
    return figure(title, chart.svg(), "")


def _thickened(
    edges: Sequence[float], counts: Sequence[float], x: scales.Scale
) -> tuple[list[float], list[float]]:
    """One bar where the whole null is thinner than a few pixels."""
    if x.place(edges[-1]) - x.place(edges[0]) > 0.02:
        return list(edges), list(counts)
    middle, half = (edges[0] + edges[-1]) / 2, 0.01 * (x.high - x.low)
    return [middle - half, middle + half], [max(counts)]


def _layer_chart(name: str, count: int, values: Sequence[float]) -> Chart:
    finite = [value for value in values if math.isfinite(value)]
    near_one = min(finite) > 0.5 and max(finite) < 1.05

    return Chart(
        scales.layers(count),
        scales.linear(finite, zero=not near_one, per_cent=metric(name).unit == "%"),
        label=f"{metric(name).label} over the layers",
        x_label="layer",
    )


def _across(values: Sequence[float]) -> list[tuple[float, float]]:
    """Points over the layers; the value of a single layer goes from side to side."""
    if len(values) == 1:
        return [(-0.5, values[0]), (0.5, values[0])]
    return [(float(layer), value) for layer, value in enumerate(values)]


def _curve(
    chart: Chart,
    name: str,
    series: Sequence[tuple[float, float, float]],
    style: str,
    group: str,
) -> None:
    band = [(float(x), low, high) for x, (_, low, high) in enumerate(series)]
    if len(band) == 1:
        band = [(side, *band[0][1:]) for side in (-0.06, 0.06)]
    points = [(x, value) for x, (value, _, _) in enumerate(series)]
    chart.band(band, style)
    chart.line(points, style)
    prefix = f"{group}, " if group else ""
    titles = [
        f"{prefix}layer {x}: {shown(name, value)}"
        + (f" ({shown(name, low)} to {shown(name, high)})" if low == low else "")
        for x, (value, low, high) in enumerate(series)
    ]
    chart.dots(points, "hidden", titles, radius=7)
    lone = [
        point
        for before, point, after in zip(
            [(0, math.nan), *points], points, [*points[1:], (0, math.nan)], strict=False
        )
        if not (math.isfinite(before[1]) or math.isfinite(after[1]))
    ]
    chart.dots(lone, style)


def _gradient(low: str, high: str) -> str:
    return (
        f'<div class="scale"><span>{escaped(low)}</span><i></i>'
        f"<span>{escaped(high)}</span></div>"
    )
