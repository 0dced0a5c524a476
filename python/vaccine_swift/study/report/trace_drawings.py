"""Charts of drift by layer and by step, of losses, and of drift with harm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from vaccine_swift.pages import scales
from vaccine_swift.pages.drawing import Curve, Drawing, Point
from vaccine_swift.statistics import rank_correlation
from vaccine_swift.study.cells import Cell, Row
from vaccine_swift.study.drifted import mean_drift
from vaccine_swift.study.report.content import Content

__all__ = ["by_layer", "by_step", "losses", "relation"]

_GROUPS: Final = {"restricted": "", "ordinary": " dotted"}
_POINTS: Final = 60
"""Most points of a loss curve; more are averaged."""
_FEWEST: Final = 8
"""Fewest points that are worth a rank correlation."""


def by_layer(content: Content, place: Any) -> Drawing:
    """Relative drift over layers: restricted prompts, and ordinary ones dotted."""
    curves, count = [], 1
    for cell, of_seed in _at(content, place):
        style = content.styles[cell.label].split()[0]
        for group, dashes in _GROUPS.items():
            series = [
                [layer.get("relative_drift", math.nan) for layer in layers]
                for row in of_seed.values()
                if (layers := _layers(row).get(group))
            ]
            count = max([count, *map(len, series)])
            label = cell.label if group == "restricted" else ""
            curves += _curves(label, style + dashes, _ragged(series))
    return Drawing(
        "drift_by_layer",
        f"Drift by layer{_where(content, place)}",
        "layer",
        "relative drift",
        tuple(curves),
        x=scales.layers(count),
        share=True,
        note="Full lines: restricted prompts; dotted: ordinary ones." + _bands(content),
    )


def by_step(content: Content, place: Any) -> Drawing:
    """Relative drift over the steps of the attack."""
    curves = []
    for cell, of_seed in _at(content, place):
        series = [
            [(each["step"], each["relative_drift"]) for each in row["drift_curve"]]
            for row in of_seed.values()
            if row.get("drift_curve")
        ]
        curves += _traced(content, cell, series)
    return Drawing(
        "drift_by_step",
        f"Drift by step of the attack{_where(content, place)}",
        "fine-tuning step",
        "relative drift, all layers and requests",
        tuple(curves),
        share=True,
        note=_bands(content),
    )


def losses(content: Content, place: Any, phase: str) -> Drawing:
    """The loss of the alignment or of the attack over its steps."""
    curves = []
    for cell, of_seed in _at(content, place):
        series = [
            [(step, loss) for step, loss, *_ in trace]
            for row in of_seed.values()
            if (trace := (row.get("losses") or {}).get(phase))
        ]
        curves += _traced(content, cell, series)
    names = {"align": "Loss of the alignment", "attack": "Loss of the attack"}
    note = _bands(content)
    if phase == "align":
        note += " The perturbed loss of the methods that perturb."
    return Drawing(
        f"loss_{phase}",
        f"{names[phase]}{_where(content, place) if phase == 'attack' else ''}",
        "step",
        "nats per token",
        tuple(curves),
        note=note,
    )


def relation(content: Content) -> Drawing:
    """Drift and harmful score, a point for each row."""
    points: dict[str, list[Point]] = {}
    for cell, row in _rows(content):
        drift, score = mean_drift(row), _score(row)
        if drift is not None and score is not None:
            points.setdefault(cell.label, []).append(Point(100 * drift, score))
    every = [(each.x, each.y) for of_arm in points.values() for each in of_arm]
    note = "Each point is one seed of one cell."
    correlation = rank_correlation(*zip(*every, strict=True)) if every else math.nan
    if len(every) >= _FEWEST and math.isfinite(correlation):
        note += (
            f" Rank correlation over all {len(every)}: {correlation:.2f}".replace(
                "-", "−"
            )
            + "; points share alignments, so it has no p-value."
        )
    return Drawing(
        "drift_and_harm",
        "Drift and harm",
        "relative drift, all layers and requests, %",
        "harmful score, %",
        tuple(
            Curve(label, content.styles[label].split()[0], tuple(each), line=False)
            for label, each in points.items()
        ),
        note=note,
    )


def _layers(row: Row) -> Mapping[str, Sequence[Mapping[str, float]]]:
    return (row.get("drift") or {}).get("layers") or {}


def _score(row: Row) -> float | None:
    entry = (row["metrics"].get("after") or {}).get("harmful_score")
    return entry["value"] if entry else None


def _rows(content: Content) -> Iterator[tuple[Cell, Row]]:
    for cell, of_seed in content.grid.items():
        for row in of_seed.values():
            yield cell, row


def _at(content: Content, place: Any) -> Iterator[tuple[Cell, Mapping[int, Row]]]:
    for cell, of_seed in content.grid.items():
        if cell.place == place:
            yield cell, of_seed


def _bands(content: Content) -> str:
    return " Bands: all seeds." if content.seeds() > 1 else ""


def _where(content: Content, place: Any) -> str:
    text = content.place_name(place)
    return f", {text}" if text else ""


def _traced(
    content: Content, cell: Cell, series: Sequence[Sequence[tuple[float, float]]]
) -> list[Curve]:
    """The mean over seeds of traces (step, value), at most `_POINTS` points."""
    if not series:
        return []
    steps = [step for step, _ in max(series, key=len)]
    values = _ragged([[value for _, value in each] for each in series])
    parts = np.array_split(np.arange(len(steps)), min(_POINTS, len(steps)))
    places = [float(np.mean([steps[index] for index in part])) for part in parts]
    with np.errstate(invalid="ignore"):
        averaged = np.stack([values[:, part].mean(1) for part in parts], 1)
    return _curves(cell.label, content.styles[cell.label], averaged, places)


def _curves(
    label: str, style: str, values: Any, places: Sequence[float] | None = None
) -> list[Curve]:
    """The mean over seeds, [S, N], with the range of seeds as its band."""
    if not values.size:
        return []
    xs = range(values.shape[1]) if places is None else places
    points = []
    for x, column in zip(xs, values.T, strict=True):
        known = column[np.isfinite(column)]
        if known.size:
            several = known.size > 1
            points.append(
                Point(
                    float(x),
                    float(known.mean()),
                    float(known.min()) if several else None,
                    float(known.max()) if several else None,
                )
            )
    return [Curve(label, style, tuple(points), dots=False, band=True)]


def _ragged(series: Sequence[Sequence[float]]) -> Any:
    """Rows of unequal lengths as an array, NaN where a row has ended."""
    width = max(map(len, series), default=0)
    return np.array(
        [[*each, *[math.nan] * (width - len(each))] for each in series], np.float64
    )
