"""The tables of a report's page, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from vaccine_swift.drift.report_schema import (
    METRICS,
    estimate,
    metric,
    shown,
    shown_interval,
)
from vaccine_swift.drift.tables import metric_columns
from vaccine_swift.pages.numbers import whole_number
from vaccine_swift.pages.table import Cell, Table

__all__ = [
    "group_table",
    "layer_table",
    "metric_table",
    "ordered_metrics",
    "prompt_table",
    "test_table",
    "test_title",
]

_TITLES: Final = {
    "signflip": "Sign-flip: is the mean change zero?",
    "max_t": "Max-T: largest layer, corrected for all layers",
    "contrast": "Contrast: does one group drift more?",
}

Content = Mapping[str, Any]


def test_title(name: str) -> str:
    """A test's name for a heading."""
    return _TITLES.get(name, name.replace("_", " "))


def ordered_metrics(content: Content) -> list[str]:
    """Names of the layers' metrics in the order of presentation."""
    known = metric_columns(content["layers"])
    order = [name for name in METRICS if name in known]
    return order + [name for name in known if name not in METRICS]


def test_table(tests: Mapping[str, Content]) -> Table:
    """A row for each test."""
    heads = ("test", "p", "statistic", "z", "effect size", "permutations")
    rows = []
    for name, test in tests.items():
        ratio = (test.get("details") or {}).get("ratio")
        effect = Cell(_number(test.get("effect_size")))
        if ratio and _finite(ratio.get("value")):
            value, low, high = estimate(ratio)
            of = " / ".join(map(str, test["details"].get("groups") or ()))
            text = " ".join(filter(None, ("ratio", of, shown("", value))))
            effect = Cell(text, shown_interval("", low, high))
        rows.append(
            (
                test_title(name),
                _number(test.get("p_value")),
                _number(test.get("statistic")),
                _number(test.get("z")),
                effect,
                str(test.get("permutations")),
            )
        )
    return Table(heads, rows, wrapped=True)


def group_table(content: Content) -> Table:
    """A row for each group."""
    names = metric_columns([each["overall"] for each in content["groups"].values()])
    names = [name for name in names if not name.startswith("hed_")]
    heads = ("group", "prompts", *(metric(name).label for name in names))
    rows: list[tuple[str | Cell, ...]] = [
        (
            str(group),
            whole_number(each.get("prompts")),
            *(_cell(name, each["overall"].get(name)) for name in names),
        )
        for group, each in content["groups"].items()
    ]
    return Table(heads, rows, wrapped=True)


def prompt_table(content: Content, first: int, last: int | None) -> Table:
    """The most drifted prompts by id, from one place in their order to another."""
    prompts = content["prompts"]
    several = len(content["layers"]) > 1
    entries = zip(
        prompts["ids"], prompts["overall"], prompts["relative_drift"], strict=False
    )
    rows = []
    for name, overall, layers in list(entries)[first:last]:
        row = [Cell(str(name)), Cell(shown("relative_drift", overall))]
        if several:
            known = [k for k, value in enumerate(layers) if _finite(value)]
            top = max(known, key=lambda k: layers[k]) if known else None
            peak = "–" if top is None else shown("relative_drift", layers[top])
            row.append(Cell(peak, "" if top is None else f"layer\u00a0{top}"))
        rows.append(row)
    heads = ("prompt", "relative drift", *(("largest",) if several else ()))
    return Table(heads, rows, wrapped=True)


def metric_table(content: Content, baseline: Content | None) -> Table:
    """A row for each metric of a report of one layer."""
    layer = content["layers"][0]
    other = baseline["layers"][0] if baseline is not None else {}
    heads = ("metric", "value", "interval", *(("baseline",) if other else ()))
    rows = []
    for name in ordered_metrics(content):
        value, low, high = estimate(layer.get(name))
        reason = (layer.get(name) or {}).get("reason") or ""
        row = [
            Cell(metric(name).label),
            Cell(shown(name, value), title="" if math.isfinite(value) else reason),
            Cell(shown_interval(name, low, high) or "–"),
        ]
        if other:
            row.append(Cell(shown(name, estimate(other.get(name))[0])))
        rows.append(row)
    return Table(heads, rows, wrapped=True)


def layer_table(content: Content) -> Table:
    """Every metric of every layer."""
    names = metric_columns([*content["layers"], content["overall"]])
    heads = ("layer", *(metric(name).label for name in names))
    below = (content["floor"] or {}).get("below") or []
    rows: list[tuple[str | Cell, ...]] = [
        (str(index), *(_cell(name, layer.get(name)) for name in names))
        for index, layer in enumerate(content["layers"])
    ]
    overall = (_cell(name, content["overall"].get(name)) for name in names)
    rows.append(("all", *overall))
    pale = (index for index, flag in enumerate(below) if flag)
    return Table(heads, rows, pale=pale)


def _cell(name: str, entry: Content | None) -> Cell:
    value, low, high = estimate(entry)
    if not math.isfinite(value):
        return Cell("–", title=(entry or {}).get("reason") or "")
    return Cell(shown(name, value), shown_interval(name, low, high))


def _number(value: Any) -> str:
    return shown("", float(value)) if _finite(value) else "–"


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)
