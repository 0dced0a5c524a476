"""A study's numbers before and after the attack, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from types import MappingProxyType
from typing import Any, Final

from rich import box
from rich.markup import escape
from rich.table import Table

from vaccine_swift.cli.terminal import visible
from vaccine_swift.study.cells import cells
from vaccine_swift.study.drifted import DRIFT_NOTE, cell_drift, drift_shown
from vaccine_swift.study.metrics import METRICS

__all__ = ["results_table"]

_HEADINGS: Final = MappingProxyType(
    {
        "harmful_score": "harmful\nscore",
        "fine_tune_accuracy": "task\naccur.",
        "refusal_margin": "refusal\nmargin",
        "over_refusal": "over-\nrefusal",
        "near_miss_refusal": "near\nmisses",
        "perplexity": "perplex-\nity",
    }
)
_CAPTION: Final = (
    "scores, accuracy, refusals and drift in %, margin in nats per token; near misses\n"
    "are ordinary requests that share words with restricted ones;\n"
    f"{DRIFT_NOTE}"
)
_POISON: Final = "poison"


def results_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Mean over seeds of every metric before and after the attack, and the drift.

    Parameters
    ----------
    rows : sequence of dict
        Of a `StudyResult`, at least one.
    """
    grid = cells(rows)
    names = [name for name in _HEADINGS if any(map(_values(name, "after"), rows))]
    varied = _varied([dict(cell.place) for cell in grid])
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=_CAPTION)
    table.add_column("\nmethod")
    for name in varied:
        table.add_column("\n" + ("p" if name == _POISON else name), justify="right")
    table.add_column("\nattack")
    for name in names:
        table.add_column(_HEADINGS[name], justify="right")
    table.add_column("\ndrift", justify="right")
    for cell, of_seed in grid.items():
        place, found = dict(cell.place), list(of_seed.values())
        for when, label, values, moved in (
            ("before", cell.label, [_told(place[name]) for name in varied], ""),
            ("after", "", [""] * len(varied), drift_shown(cell_drift(found))),
        ):
            numbers = [_mean(found, name, when) for name in names]
            end = when == "after"
            table.add_row(label, *values, when, *numbers, moved, end_section=end)
    return table


def _varied(places: Sequence[Mapping[str, Any]]) -> list[str]:
    """The share of harmful rows, and what else differs between cells."""
    return [
        name
        for name in places[0]
        if name == _POISON or len({repr(place[name]) for place in places}) > 1
    ]


def _values(name: str, when: str) -> Any:
    return lambda row: row["metrics"][when].get(name)


def _mean(rows: Sequence[Mapping[str, Any]], name: str, when: str) -> str:
    found = [each for each in map(_values(name, when), rows) if each]
    values = [each["value"] for each in found if each["value"] is not None]
    return METRICS[name].shown(fmean(values) if values else None)


def _told(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else escape(visible(str(value)))
