"""The tables of a study: for the page and for CSV files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vaccine_swift._report.numbers import digits
from vaccine_swift._report.parts import table
from vaccine_swift._report.svg import escaped
from vaccine_swift.study.drifted import cell_drift, drift_shown
from vaccine_swift.study.metrics import METRICS
from vaccine_swift.study.report._content import Content, Entry, field_name, field_value
from vaccine_swift.study.report._words import by_metric, p_shown

__all__ = ["contrast_table", "difference_table", "summary_table"]
__all__ += ["time_table"]


def summary_table(content: Content) -> str:
    """A row for each cell: every metric after the attack, and before it below."""
    known = {
        (cell_key(content, each), each["metric"], each["stage"]): each
        for each in content.summary
    }
    names = [name for name in METRICS if any(key[1] == name for key in known)]
    varied = content.varied()
    heads = ["arm", *map(field_name, varied)]
    heads += [f"{METRICS[name].label}{_unit(name)}" for name in names]
    rows = []
    for cell, of_seed in content.grid.items():
        fields = cell.fields()
        key = cell_key(content, fields)
        row = [_swatch(content, cell.label)]
        row += [escaped(field_value(fields[name])) for name in varied]
        for name in names:
            after = known.get((key, name, "after"))
            before = known.get((key, name, "before"))
            row.append(
                f"{_interval(name, after)}<br><small>before "
                f"{_interval(name, before, plain=True)}</small>"
            )
        row.append(drift_shown(cell_drift(of_seed.values())))
        row.append(str(len(of_seed)))
        rows.append(row)
    return table([*heads, "Drift, %", "seeds"], rows)


def difference_table(content: Content) -> str:
    """A row for each comparison."""
    if not content.differences:
        return ""
    varied = content.varied()
    heads = ["arm − baseline", *map(field_name, varied), "metric", "difference"]
    heads += ["seeds alike", "spread of seeds", "p over acts", "p", "Holm p"]
    heads += ["significant", "detectable"]
    rows = []
    for each in by_metric(content.differences):
        described = METRICS[each["metric"]]
        name = f"{escaped(each['label'])} − {escaped(each['baseline'])}"
        rows.append(
            [
                name,
                *(escaped(field_value(each[field])) for field in varied),
                described.label,
                _interval(each["metric"], each, "difference", signed=True),
                f"{each['seeds_agreeing']} of {each['seeds']}",
                described.shown(each["seed_deviation"]),
                p_shown(each["p_acts"]),
                p_shown(each["p_value"]),
                p_shown(each["p_holm"]),
                "<b>yes</b>" if each["significant"] else "no",
                _detectable(each),
            ]
        )
    return table(heads, rows)


def contrast_table(content: Content) -> str:
    """How much more restricted prompts drift than ordinary ones."""
    rows = []
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
                *(escaped(field_value(fields[name])) for name in content.varied()),
                f"{mean:.2f} <small>{min(ratios):.2f} to {max(ratios):.2f}</small>",
                f"{sure} of {len(found)}",
            ]
        )
    heads = ["arm", *map(field_name, content.varied())]
    heads += ["restricted / ordinary, range of seeds", "seeds with p ≤ 0.05"]
    return table(heads, rows) if rows else ""


def time_table(content: Content) -> str:
    """Mean seconds of every stage, by arm."""
    seconds: dict[str, list[Mapping[str, float]]] = {}
    for cell, of_seed in content.grid.items():
        for row in of_seed.values():
            seconds.setdefault(cell.label, []).append(row.get("seconds") or {})
    names = list(dict.fromkeys(k for each in seconds.values() for s in each for k in s))
    rows = []
    for label, each in seconds.items():
        means = [sum(s.get(name) or 0 for s in each) / len(each) for name in names]
        rows.append([_swatch(content, label), *map(digits, means), digits(sum(means))])
    return table(["seconds", *names, "together"], rows) if names else ""


def cell_key(content: Content, fields: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells cells apart, of a cell's fields or of an entry."""
    return (fields["label"], *(fields[name] for name in content.varied()))


def _detectable(entry: Entry) -> str:
    described = METRICS[entry["metric"]]
    size = entry["detectable"]
    too_large = size is not None and described.kind == "percent" and size > 100
    return "> 100" if too_large else described.shown(size)


def _swatch(content: Content, label: str) -> str:
    style = content.styles[label]
    return f'<span class="arm"><i class="{style}"></i>{escaped(label)}</span>'


def _unit(name: str) -> str:
    unit = METRICS[name].unit
    return f", {unit}" if unit else ""


def _interval(
    name: str,
    entry: Entry | None,
    field: str = "mean",
    *,
    signed: bool = False,
    plain: bool = False,
) -> str:
    if entry is None:
        return "–"
    shown = METRICS[name].shown
    value = shown(entry[field], signed=signed)
    if plain or entry["low"] is None:
        return value
    low, high = (shown(entry[end], signed=signed) for end in ("low", "high"))
    return f"<b>{value}</b> <small>{low} to {high}</small>"
