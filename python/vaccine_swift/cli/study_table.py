"""A study's numbers before and after the attack, for the terminal."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich import box
from rich.table import Table

from vaccine_swift.study.cells import cells
from vaccine_swift.study.metrics import METRICS

__all__ = ["results_table"]

_ATTACKED: Final = ("poison", "samples", "task", "lora")
_ARROW: Final = " → "


def results_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Mean over seeds of every metric before → after, and the drift between.

    Parameters
    ----------
    rows : sequence of dict
        Of a `StudyResult`.
    """
    grid = cells(rows)
    names = [name for name in METRICS if any(_has(row, name) for row in rows)]
    places = [dict(cell.place) for cell in grid]
    told = [name for name in places[0] if len({repr(p[name]) for p in places}) > 1]
    if "poison" not in told:
        told.insert(0, "poison")
    table = Table(box=box.SIMPLE_HEAD, caption="before → after the attack")
    table.add_column("method")
    for name in told:
        table.add_column("p" if name == "poison" else name, justify="right")
    for name in names:
        metric = METRICS[name]
        unit = f", {metric.unit}" if metric.unit else ""
        table.add_column(f"{metric.label}{unit}", justify="right")
    table.add_column("Drift, %", justify="right")
    for cell, of_seed in grid.items():
        place = dict(cell.place)
        seeds = list(of_seed.values())
        table.add_row(
            cell.label,
            *(
                f"{place[name]:g}" if _number(place[name]) else str(place[name])
                for name in told
            ),
            *(_change(seeds, name) for name in names),
            f"{100 * statistics.fmean(map(_drift, seeds)):.1f}",
        )
    return table


def _change(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    parts = []
    for when in ("before", "after"):
        found = [row["metrics"][when].get(name) for row in rows]
        values = [each["value"] for each in found if each and each["value"] is not None]
        value = statistics.fmean(values) if values else None
        parts.append(METRICS[name].shown(value))
    return _ARROW.join(parts)


def _drift(row: Mapping[str, Any]) -> float:
    return row["drift"]["overall"]["overall"]["value"] or 0.0


def _has(row: Mapping[str, Any], name: str) -> bool:
    return any(name in row["metrics"][when] for when in ("before", "after"))


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
