"""The tables of a study: for the page and for CSV files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vaccine_swift.pages.numbers import digits
from vaccine_swift.pages.table import Cell, Table
from vaccine_swift.study.drifted import cell_drift, drift_shown
from vaccine_swift.study.metrics import METRICS
from vaccine_swift.study.report.content import Content, Entry, column_name, field_value
from vaccine_swift.study.report.glossary import told
from vaccine_swift.study.report.words import by_metric, nothing_moved, p_shown

__all__ = ["contrast_table", "difference_table", "summary_table"]
__all__ += ["time_table"]


def summary_table(content: Content) -> Table:
    """A row for each cell: every metric after the attack, and before it below."""
    known = {
        (cell_key(content, each), each["metric"], each["stage"]): each
        for each in content.summary
    }
    names = [name for name in METRICS if any(key[1] == name for key in known)]
    varied = content.varied()
    heads = ["arm", *map(column_name, varied)]
    heads += [f"{METRICS[name].label}{_unit(name)}" for name in names]
    rows: list[list[str | Cell]] = []
    for cell, of_seed in content.grid.items():
        fields = cell.fields()
        key = cell_key(content, fields)
        row: list[str | Cell] = [_swatch(content, cell.label)]
        row += [field_value(fields[name]) for name in varied]
        for name in names:
            after = known.get((key, name, "after"))
            before = known.get((key, name, "before"))
            former = _value(name, before, "mean")
            row.append(_interval(name, after, below=f"before {former}"))
        row.append(drift_shown(cell_drift(of_seed.values())))
        row.append(str(len(of_seed)))
        rows.append(row)
    return Table([*heads, "Drift, %", "seeds"], rows, told=told)


def difference_table(content: Content) -> Table | None:
    """A row for each comparison, if there is one."""
    if not content.differences:
        return None
    varied = content.varied()
    heads = ["arm − baseline", *map(column_name, varied), "metric", "difference"]
    heads += ["seeds alike", "spread of seeds", "p-value over acts", "p-value"]
    heads += ["Holm p-value", "significant", "detectable"]
    rows: list[list[str | Cell]] = []
    for each in by_metric(content.differences):
        described = METRICS[each["metric"]]
        name = f"{each['label']} − {each['baseline']}"
        rows.append(
            [
                name,
                *(field_value(each[field]) for field in varied),
                described.label,
                _difference(each),
                f"{each['seeds_agreeing']} of {each['seeds']}",
                described.shown(each["seed_deviation"]),
                p_shown(each["p_acts"]),
                p_shown(each["p_value"]),
                p_shown(each["p_holm"]),
                Cell("yes", strong=True) if each["significant"] else "no",
                _detectable(each),
            ]
        )
    return Table(heads, rows, told=told)


def contrast_table(content: Content) -> Table | None:
    """How much more restricted prompts drift than ordinary ones, where measured."""
    rows: list[list[str | Cell]] = []
    for cell, of_seed in content.grid.items():
        found = [
            contrast
            for row in of_seed.values()
            if (contrast := (row.get("drift") or {}).get("contrast"))
        ]
        if not found:
            continue
        ratios = [each["ratio"] for each in found]
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        sure = sum(each["p_value"] <= 0.05 for each in found)
        fields = cell.fields()
        rows.append(
            [
                _swatch(content, cell.label),
                *(field_value(fields[name]) for name in content.varied()),
                Cell(f"{mean:.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}"),
                f"{sure} of {len(found)}",
            ]
        )
    heads = ["arm", *map(column_name, content.varied())]
    heads += ["restricted / ordinary, range of seeds", "seeds with p ≤ 0.05"]
    return Table(heads, rows) if rows else None


def time_table(content: Content) -> Table | None:
    """Mean seconds of every stage, by arm, where they are known."""
    seconds: dict[str, list[Mapping[str, float]]] = {}
    for cell, of_seed in content.grid.items():
        for row in of_seed.values():
            seconds.setdefault(cell.label, []).append(row.get("seconds") or {})
    names = list(dict.fromkeys(k for each in seconds.values() for s in each for k in s))
    rows: list[list[str | Cell]] = []
    for label, each in seconds.items():
        means = [sum(s.get(name) or 0 for s in each) / len(each) for name in names]
        rows.append([_swatch(content, label), *map(digits, means), digits(sum(means))])
    return Table(["seconds", *names, "together"], rows) if names else None


def cell_key(content: Content, fields: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells cells apart, of a cell's fields or of an entry."""
    return (fields["label"], *(fields[name] for name in content.varied()))


def _difference(entry: Entry) -> Cell:
    if nothing_moved(entry):
        return Cell("none", "on any prompt")
    return _interval(entry["metric"], entry, "difference", signed=True)


def _detectable(entry: Entry) -> str:
    described = METRICS[entry["metric"]]
    size = entry["detectable"]
    too_large = size is not None and described.kind == "percent" and size > 100
    return "> 100" if too_large else described.shown(size)


def _swatch(content: Content, label: str) -> Cell:
    return Cell(label, swatch=content.styles[label])


def _unit(name: str) -> str:
    unit = METRICS[name].unit
    return f", {unit}" if unit else ""


def _value(name: str, entry: Entry | None, field: str, *, signed: bool = False) -> str:
    return "–" if entry is None else METRICS[name].shown(entry[field], signed=signed)


def _interval(
    name: str,
    entry: Entry | None,
    field: str = "mean",
    *,
    signed: bool = False,
    below: str = "",
) -> Cell:
    value = _value(name, entry, field, signed=signed)
    if entry is None or entry["low"] is None:
        return Cell(value, below=below)
    low, high = (_value(name, entry, end, signed=signed) for end in ("low", "high"))
    return Cell(value, f"{low} to {high}", below, strong=True)
