"""A study as one HTML page: no script, no other file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vaccine_swift._report.drawing import Drawing
from vaccine_swift._report.parts import page, section, tiles
from vaccine_swift._report.rendering import figure
from vaccine_swift._report.svg import escaped
from vaccine_swift.study.cells import row_settings
from vaccine_swift.study.report._content import Content
from vaccine_swift.study.report._metric_drawings import (
    parameters,
    stages,
    sweep,
    trade_off,
)
from vaccine_swift.study.report._paper import paper
from vaccine_swift.study.report._tables import (
    contrast_table,
    difference_table,
    summary_table,
    time_table,
)
from vaccine_swift.study.report._trace_drawings import (
    by_layer,
    by_step,
    losses,
    relation,
)
from vaccine_swift.study.report._words import (
    findings,
    method_note,
    seeds_sentence,
    with_unit,
)

__all__ = ["drawings", "study_page"]

_FIRST = ("harmful_score", "fine_tune_accuracy")
_FURTHER = ("refusal_margin", "over_refusal", "perplexity")


def study_page(content: Content, title: str) -> str:
    """The whole page."""
    seeds = f'<p class="soft">{seeds_sentence(content.seeds())}</p>'
    parts = (
        f"<h1>{escaped(title)}</h1>{findings(content)}{_tiles(content)}{seeds}",
        section("Before and after the attack", "", (), before=summary_table(content)),
        section(
            "Harm and use",
            "Whiskers are 95 % intervals; a dashed line with a band is an arm that "
            "does not have the parameter.",
            map(figure, _metric_drawings(content, _FIRST)),
        ),
        _folded("Further metrics", _metric_drawings(content, _FURTHER)),
        paper(content),
        section(
            "Differences",
            method_note(content),
            (),
            before=difference_table(content),
        ),
        section(
            "Drift", _DRIFT, map(figure, _drift(content)), before=_contrast(content)
        ),
        section("Losses", "", map(figure, _losses(content))),
        _settings(content),
    )
    return page(title, "".join(parts))


def drawings(content: Content) -> Iterator[Drawing]:
    """Every chart of the page that has something to show."""
    every = (
        *_metric_drawings(content, _FIRST),
        *_metric_drawings(content, _FURTHER),
        *_drift(content),
        *_losses(content),
    )
    return (each for each in every if any(curve.points for curve in each.curves))


_DRIFT = (
    "How far the states of held-out prompts moved from the aligned to the attacked "
    "model, as a share of their norm."
)


def _metric_drawings(content: Content, names: tuple[str, ...]) -> Iterator[Drawing]:
    known = parameters(content)
    for parameter in known:
        for name in names:
            yield from sweep(content, name, parameter)
    if not known:
        for name in names:
            yield from stages(content, name)
    if names == _FIRST:
        yield from trade_off(content, *known[:1])


def _drift(content: Content) -> Iterator[Drawing]:
    place = _worst_place(content)
    yield by_layer(content, place)
    yield by_step(content, place)
    yield relation(content)


def _losses(content: Content) -> Iterator[Drawing]:
    place = _worst_place(content)
    yield losses(content, place, "align")
    yield losses(content, place, "attack")


def _worst_place(content: Content) -> Any:
    """The place with most harmful rows, the first of them."""
    return max(
        (cell.place for cell in content.grid), key=lambda place: dict(place)["poison"]
    )


def _contrast(content: Content) -> str:
    table = contrast_table(content)
    if not table:
        return ""
    return (
        "<details><summary>Do restricted prompts drift more than ordinary ones?"
        f"</summary>{table}</details>"
    )


def _folded(title: str, entries: Iterator[Drawing]) -> str:
    figures = "".join(map(figure, entries))
    if not figures:
        return ""
    return (
        f"<details><summary>{title}</summary>"
        f'<div class="charts">{figures}</div></details>'
    )


def _tiles(content: Content) -> str:
    """The range over cells of the harmful score before and after, and what there is."""
    entries = []
    for stage, text in (("before", "before"), ("after", "after the attack")):
        values = [
            each["mean"]
            for each in content.summary
            if each["metric"] == "harmful_score" and each["stage"] == stage
        ]
        if values:
            low, high = (
                with_unit("harmful_score", end) for end in (min(values), max(values))
            )
            span = low if low == high else f"{low.removesuffix(' %')} to {high}"
            entries.append((span, f"harmful score {text}, lowest to highest cell"))
    seeds = content.seeds()
    entries.append((str(len(content.grid)), "cells of the grid"))
    entries.append((str(seeds), "seed" if seeds == 1 else "seeds, at most"))
    total = sum(sum((row.get("seconds") or {}).values()) for row in content.rows)
    entries.append((f"{total / 3600:.1f} h", "of computing"))
    return tiles(entries)


def _settings(content: Content) -> str:
    rows = content.rows
    shared = {
        name: value
        for name, value in row_settings(rows[0]).items()
        if all(row_settings(row).get(name) == value for row in rows)
    }
    dates = sorted({str(row.get("date")) for row in rows})
    parts = {
        "settings": shared,
        "versions": rows[0].get("versions"),
        "hardware": rows[0].get("hardware"),
        "dates": [dates[0], dates[-1]],
        "profiles": sorted({str(entry["profile"]) for entry in content.summary}),
    }
    text = json.dumps(parts, indent=2, ensure_ascii=False, default=str)
    return (
        f"<h2>Time</h2>{time_table(content)}<h2>Settings</h2>"
        '<p class="soft">Those that all rows share; each row of the results has all of '
        f"its own. Numbers of different profiles do not compare.</p>"
        f"<pre>{escaped(text)}</pre>"
    )
