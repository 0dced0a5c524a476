"""A report of two samples as one HTML page, and as what a notebook shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from vaccine_swift._plurals import plural
from vaccine_swift.drift.report_schema import shown
from vaccine_swift.drift.two_sample_content import ALL, most_moved, moved, sentence
from vaccine_swift.drift.two_sample_drawings import DRAWINGS
from vaccine_swift.pages.numbers import whole_number
from vaccine_swift.pages.rendering import rendered
from vaccine_swift.pages.table import Cell, Table

__all__ = ["fragment", "page"]

_MOST_LISTED: Final = 200
"""Segments that the tables have."""

Content = Mapping[str, Any]

_NAMES: Final = {
    "mmd": "MMD",
    "energy": "Energy distance",
    "ks": "KS, largest column",
    "classifier": "Classifier AUC",
}


def page(content: Content, title: str) -> str:
    """The whole page; see `TwoSampleReport.to_html`."""
    return rendered(
        "drift/two_sample.html",
        title=title,
        details=_details(content),
        columns=content["columns"],
        column_table=_column_table(content),
        clusters=content.get("clusters"),
        cluster_table=_cluster_table(content),
        cluster_drawing=DRAWINGS["clusters"](content),
        outlying=content.get("outlying"),
        outlying_table=_outlying_table(content),
        pictures=[DRAWINGS[kind](content) for kind in ("map", "density", "means")],
        settings=content["settings"],
        **_shared(content),
    )


def fragment(content: Content) -> str:
    """The sentence, the table and the map."""
    drawings = [DRAWINGS[kind](content) for kind in ("map", "shifts")]
    return rendered(
        "drift/two_sample_fragment.html", pictures=drawings, **_shared(content)
    )


def _shared(content: Content) -> dict[str, Any]:
    settings = content["settings"]
    n, m = settings["rows"]
    segments = len(content["segments"]) - 1
    tiles = [
        (whole_number(n), plural(n, "reference row")),
        (whole_number(m), plural(m, "current row")),
        (str(settings["width"]), plural(settings["width"], "column")),
    ]
    if segments:
        count = len([name for name in moved(content) if name != ALL])
        tiles.append((f"{count} of {segments}", f"{plural(segments, 'segment')} moved"))
    return {
        "sentence": sentence(content),
        "left_out": len(content["segments"]) - len(most_moved(content, _MOST_LISTED)),
        "level": f"{settings['level']:g}",
        "tiles": tiles,
        "segments": _segment_table(content),
        "shifts": DRAWINGS["shifts"](content),
    }


def _segment_table(content: Content) -> Table:
    """A row for each segment, a column for each test's corrected p-value."""
    tests = content["settings"]["tests"]
    changed = set(moved(content))
    rows: list[tuple[str | Cell, ...]] = []
    for name in most_moved(content, _MOST_LISTED):
        entry = content["segments"][name]
        cells = [_test_cell(entry["tests"].get(test)) for test in tests]
        rows.append(
            (
                Cell(name, strong=name in changed),
                f"{whole_number(entry['reference'])}, {whole_number(entry['current'])}",
                Cell(shown("", entry["mean_shift"]), title=entry["reason"] or ""),
                *cells,
                Cell("moved" if name in changed else "–", strong=True),
            )
        )
    heads = (
        "segment",
        "rows, reference and current",
        "shift",
        *(f"{_NAMES[t]}: Holm p" for t in tests),
        "",
    )
    return Table(heads, rows, wrapped=True)


def _test_cell(found: dict[str, Any] | None) -> Cell:
    if found is None or found["p_holm"] is None or not math.isfinite(found["p_holm"]):
        return Cell("–", title="not tested")
    return Cell(shown("", found["p_holm"]), f"effect {shown('', found['effect_size'])}")


def _details(content: Content) -> Table:
    heads = ("segment", "test", "statistic", "effect size", "z", "p", "Holm p")
    rows = [
        (
            name,
            _NAMES.get(test, test),
            *(
                shown("", found[key])
                for key in ("statistic", "effect_size", "z", "p_value", "p_holm")
            ),
        )
        for name in most_moved(content, _MOST_LISTED)
        for test, found in content["segments"][name]["tests"].items()
    ]
    return Table(heads, rows, wrapped=True)


def _outlying_table(content: Content) -> Table | None:
    """Rows of the current set that lie farthest from the reference."""
    outlying = content.get("outlying")
    if not outlying:
        return None
    rows = [
        (
            str(each["row"]) if each["id"] is None else each["id"],
            each["segment"] or "–",
            shown("", each["distance"]),
        )
        for each in outlying["rows"]
    ]
    return Table(("row", "segment", "distance"), rows, wrapped=True)


def _cluster_table(content: Content) -> Table | None:
    """Clusters by how much their share changed."""
    clusters = content.get("clusters")
    if not clusters:
        return None
    n, m = content["settings"]["rows"]
    level = content["settings"]["level"]
    rows: list[tuple[str | Cell, ...]] = []
    for place, each in enumerate(clusters["clusters"], start=1):
        segment = ""
        if each["segment"] is not None:
            segment = f"{100 * each['share']:.0f} % {each['segment']}"
        changed = each["p_holm"] is not None and each["p_holm"] <= level
        rows.append(
            (
                Cell(f"{place}", segment, below=", ".join(each["nearest"])),
                Cell(f"{100 * each['reference'] / n:.1f} %", f"{each['reference']}"),
                Cell(f"{100 * each['current'] / m:.1f} %", f"{each['current']}"),
                Cell(shown("", each["p_holm"]), strong=changed),
            )
        )
    heads = ("cluster, and current rows near its middle", "reference", "current")
    return Table((*heads, "Holm p"), rows, wrapped=True)


def _column_table(content: Content) -> Table | None:
    columns = content["columns"]
    if not columns:
        return None
    rows = [
        (str(each["column"]), shown("", each["statistic"]), shown("", each["p_holm"]))
        for each in columns["largest"]
    ]
    return Table(("column", "largest difference D", "Holm p"), rows)
