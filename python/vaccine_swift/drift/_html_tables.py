"""The tables of a report's page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from vaccine_swift._report.parts import table
from vaccine_swift._report.svg import escaped
from vaccine_swift.drift._report_schema import estimate, metric, shown
from vaccine_swift.drift._tables import metric_columns

__all__ = ["group_table", "layer_table", "prompt_table", "test_table", "test_title"]

_TITLES: Final = {
    "signflip": "Sign-flip: is the mean change zero?",
    "max_t": "Max-T: largest layer, corrected for all layers",
    "contrast": "Contrast: does one group drift more?",
}
_PROMPTS: Final = 8

Content = Mapping[str, Any]


def test_title(name: str) -> str:
    """A test's name for a heading."""
    return _TITLES.get(name, name.replace("_", " "))


def test_table(content: Content) -> str:
    """A row for each test, or nothing."""
    if not content["tests"]:
        return ""
    heads = ("test", "p", "statistic", "z", "effect size", "permutations")
    rows = []
    for name, test in content["tests"].items():
        ratio = (test.get("details") or {}).get("ratio")
        effect = _number(test.get("effect_size"))
        if ratio and _finite(ratio.get("value")):
            value, low, high = (_number(end) for end in estimate(ratio))
            groups = test["details"].get("groups")
            of = escaped(" / ".join(map(str, groups))) if groups else ""
            effect = f"ratio {of} {value} <small>{low} to {high}</small>"
        rows.append(
            (
                escaped(test_title(name)),
                _number(test.get("p_value")),
                _number(test.get("statistic")),
                _number(test.get("z")),
                effect,
                escaped(test.get("permutations")),
            )
        )
    return table(heads, rows, wrapped=True)


def group_table(content: Content) -> str:
    """A row for each group."""
    names = metric_columns([each["overall"] for each in content["groups"].values()])
    names = [name for name in names if not name.startswith("hed_")]
    heads = ("group", "prompts", *(metric(name).label for name in names))
    rows = [
        (
            escaped(group),
            escaped(each.get("prompts")),
            *(_cell(name, each["overall"].get(name)) for name in names),
        )
        for group, each in content["groups"].items()
    ]
    return table(heads, rows)


def prompt_table(content: Content) -> str:
    """The most drifted prompts by id."""
    prompts = content["prompts"]
    rows = []
    for name, overall, layers in zip(
        prompts["ids"], prompts["overall"], prompts["relative_drift"], strict=False
    ):
        known = [k for k, value in enumerate(layers) if _finite(value)]
        top = max(known, key=lambda k: layers[k]) if known else None
        peak = (
            "–"
            if top is None
            else f"{shown('relative_drift', layers[top])}, layer {top}"
        )
        total = math.nan if overall is None else overall
        rows.append((escaped(name), shown("relative_drift", total), peak))
    heads = ("prompt", "relative drift", "largest")
    shown_rows = table(heads, rows[:_PROMPTS], wrapped=True)
    if len(rows) > _PROMPTS:
        rest = table(heads, rows[_PROMPTS:], wrapped=True)
        shown_rows += (
            f"<details><summary>{len(rows) - _PROMPTS} more</summary>{rest}</details>"
        )
    return shown_rows


def layer_table(content: Content) -> str:
    """Every metric of every layer; folded away."""
    names = metric_columns([*content["layers"], content["overall"]])
    heads = ("layer", *(metric(name).label for name in names))
    below = (content["floor"] or {}).get("below") or []
    rows = [
        (str(index), *(_cell(name, layer.get(name)) for name in names))
        for index, layer in enumerate(content["layers"])
    ]
    overall = (_cell(name, content["overall"].get(name)) for name in names)
    rows.append(("all", *overall))
    marked = {index for index, flag in enumerate(below) if flag}
    note = (
        '<p class="soft">Layers below the noise floor are pale.</p>' if marked else ""
    )
    return (
        f"<details><summary>{len(names)} metrics × {len(content['layers'])} layers, "
        f"with intervals</summary>{note}{table(heads, rows, pale=marked)}</details>"
    )


def _cell(name: str, entry: Content | None) -> str:
    value, low, high = estimate(entry)
    if not math.isfinite(value):
        reason = (entry or {}).get("reason")
        return f'<span title="{escaped(reason)}">–</span>' if reason else "–"
    if not (math.isfinite(low) and math.isfinite(high)):
        return shown(name, value)
    return (
        f"{shown(name, value)} <small>{shown(name, low)} to {shown(name, high)}</small>"
    )


def _number(value: Any) -> str:
    return shown("", float(value)) if _finite(value) else "–"


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)
