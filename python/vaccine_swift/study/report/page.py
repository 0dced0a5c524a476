"""A study as one HTML page: no script, no other file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vaccine_swift.pages.drawing import Drawing
from vaccine_swift.pages.rendering import rendered
from vaccine_swift.study.cells import row_settings
from vaccine_swift.study.drifted import DRIFT_NOTE
from vaccine_swift.study.report.content import Content
from vaccine_swift.study.report.examples import Example
from vaccine_swift.study.report.glossary import WORDS
from vaccine_swift.study.report.metric_drawings import (
    parameters,
    stages,
    sweep,
    trade_off,
)
from vaccine_swift.study.report.opening import opening, tiles
from vaccine_swift.study.report.paper import PAPER_NOTE, paper
from vaccine_swift.study.report.tables import (
    contrast_table,
    difference_table,
    summary_table,
    time_table,
)
from vaccine_swift.study.report.trace_drawings import (
    by_layer,
    by_step,
    losses,
    relation,
)
from vaccine_swift.study.report.words import findings, method_note, seeds_sentence

__all__ = ["drawings", "study_fragment", "study_page"]

_FIRST: Final = ("harmful_score", "fine_tune_accuracy")
_FURTHER: Final = (
    *("refusal_margin", "over_refusal", "near_miss_refusal", "perplexity"),
)
_DRIFT_NOTE: Final = f"{DRIFT_NOTE[0].upper()}{DRIFT_NOTE[1:]}."


def study_page(
    content: Content, title: str, examples: Mapping[str, Iterable[Example]]
) -> str:
    """The whole page."""
    first = list(_metric_drawings(content, _FIRST))
    return rendered(
        "study/page.html",
        title=title,
        opening=opening(content),
        tiles=tiles(content),
        seeds=seeds_sentence(content.seeds()),
        first=first,
        banded=any(curve.band for each in first for curve in each.curves),
        answers={
            kind: Example.tables(each, content.styles)
            for kind, each in examples.items()
        },
        findings=findings(content),
        summary=summary_table(content),
        drift_note=_DRIFT_NOTE,
        further=_shown(_metric_drawings(content, _FURTHER)),
        differences=difference_table(content),
        method_note=method_note(content),
        drift=_shown(_drift(content)),
        contrast=contrast_table(content),
        losses=_shown(_losses(content)),
        paper=paper(content),
        paper_note=PAPER_NOTE,
        times=time_table(content),
        words=WORDS,
        settings=_settings(content),
    )


def study_fragment(content: Content) -> str:
    """What a notebook shows."""
    return rendered(
        "study/fragment.html",
        opening=opening(content),
        first=list(_metric_drawings(content, _FIRST)),
        summary=summary_table(content),
        drift_note=_DRIFT_NOTE,
    )


def drawings(content: Content) -> Iterator[Drawing]:
    """Every chart of the page that has something to show."""
    yield from _shown(_metric_drawings(content, _FIRST))
    yield from _shown(_metric_drawings(content, _FURTHER))
    yield from _shown(_drift(content))
    yield from _shown(_losses(content))


def _shown(entries: Iterable[Drawing]) -> list[Drawing]:
    return [each for each in entries if not each.empty]


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


def _settings(content: Content) -> dict[str, Any]:
    rows = content.rows
    shared = {
        name: value
        for name, value in row_settings(rows[0]).items()
        if all(row_settings(row).get(name) == value for row in rows)
    }
    dates = sorted({str(row.get("date")) for row in rows})
    return {
        "settings": shared,
        "versions": rows[0].get("versions"),
        "hardware": rows[0].get("hardware"),
        "dates": [dates[0], dates[-1]],
        "profiles": sorted({str(entry["profile"]) for entry in content.summary}),
    }
