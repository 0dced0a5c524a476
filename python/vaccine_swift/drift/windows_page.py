"""A report of windows as one HTML page, and as what a notebook shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vaccine_swift._plurals import plural
from vaccine_swift.drift.report_schema import shown
from vaccine_swift.drift.two_sample_content import ALL
from vaccine_swift.drift.two_sample_content import sentence as window_sentence
from vaccine_swift.drift.windows_content import (
    alarms,
    last,
    most_evident,
    moved_in,
    sentence,
)
from vaccine_swift.drift.windows_drawings import DRAWINGS
from vaccine_swift.pages.numbers import whole_number
from vaccine_swift.pages.rendering import rendered
from vaccine_swift.pages.table import Cell, Table

__all__ = ["fragment", "page"]

Content = Mapping[str, Any]

_MOST_LINES: Final = 200
"""Lines that the tables have."""
_MOST_CELLS: Final = 1000
"""Windows times lines that are listed; the last windows of more."""


def page(content: Content, title: str) -> str:
    """The whole page; see `WindowsReport.to_html`."""
    lines = most_evident(content, _MOST_LINES)
    left_out = len(content["settings"]["lines"]) - len(lines)
    told = [*lines, f"and {left_out} more"] if left_out else lines
    shown_windows = _shown_windows(content)
    return rendered(
        "drift/windows.html",
        title=title,
        numbers=_numbers(content, shown_windows),
        listed=len(shown_windows),
        count=len(content["windows"]),
        new=_new(content),
        settings={**content["settings"], "lines": told},
        **_shared(content),
    )


def fragment(content: Content) -> str:
    """The sentence, the lines and the pictures."""
    return rendered("drift/windows_fragment.html", **_shared(content))


def _shared(content: Content) -> dict[str, Any]:
    settings, window = content["settings"], last(content)
    windows, lines = len(content["windows"]), len(settings["lines"])
    rows = settings["reference"]
    tiles = [
        (str(windows), plural(windows, "window")),
        (whole_number(rows), plural(rows, "reference row")),
        (
            f"{len(alarms(content))} of {lines}",
            f"{plural(lines, 'line')} with an alarm",
        ),
    ]
    latest = ""
    if window is not None:
        told = window_sentence({"settings": settings, "segments": window["lines"]})
        newest = window["rows"]
        latest = f"{window['name']} by itself: {told}"
        tiles.append(
            (whole_number(newest), f"{plural(newest, 'row')} in the last window")
        )
    return {
        "sentence": sentence(content),
        "latest": latest,
        "level": f"{settings['level']:g}",
        "threshold": f"{settings['threshold']:g}",
        "tiles": tiles,
        "lines": _lines(content),
        "left_out": lines - len(most_evident(content, _MOST_LINES)),
        "pictures": [draw(content) for draw in DRAWINGS.values()],
    }


def _lines(content: Content) -> Table:
    """A row for each line: where it stands."""
    found, windows = alarms(content), content["windows"]
    rows: list[tuple[str | Cell, ...]] = []
    for line in most_evident(content, _MOST_LINES):
        entries = [window["lines"][line] for window in windows]
        alone = sum(line in moved_in(each, _level(content)) for each in windows)
        final = entries[-1] if entries else None
        rows.append(
            (
                Cell(line, strong=line in found),
                Cell(found.get(line, "–"), strong=line in found),
                shown("", final["evidence"] if final else None),
                shown("", max((each["evidence"] for each in entries), default=None)),
                Cell(
                    shown("", final["mean_shift"] if final else None),
                    title=(final["reason"] or "") if final else "",
                ),
                f"{alone} of {len(windows)}",
            )
        )
    heads = ("line", "alarm", "evidence", "largest", "last shift", "differ alone")
    return Table(heads, rows, wrapped=True)


def _numbers(content: Content, windows: list[Mapping[str, Any]]) -> Table:
    """A row for each window and line, the last window first."""
    rows: list[tuple[str | Cell, ...]] = []
    threshold = content["settings"]["threshold"]
    lines = most_evident(content, _MOST_LINES)
    for window in reversed(windows):
        moved = moved_in(window, _level(content))
        for line in lines:
            entry = window["lines"][line]
            alarm = entry["evidence"] >= threshold
            rows.append(
                (
                    Cell(window["name"], strong=line == ALL),
                    line,
                    Cell(whole_number(entry["current"]), title=entry["reason"] or ""),
                    shown("", entry["mean_shift"]),
                    Cell(shown("", entry["p_value"]), strong=line in moved),
                    "–" if entry["rank"] is None else str(entry["rank"][0]),
                    Cell(shown("", entry["evidence"]), strong=alarm),
                )
            )
    heads = ("window", "line", "rows", "shift", "Holm p", "rank", "evidence")
    return Table(heads, rows, wrapped=True)


def _shown_windows(content: Content) -> list[Mapping[str, Any]]:
    lines = min(len(content["settings"]["lines"]), _MOST_LINES)
    most = max(1, _MOST_CELLS // lines)
    return list(content["windows"][-most:])


def _new(content: Content) -> Table | None:
    """Segments of the last window that the reference lacks."""
    window = last(content)
    if window is None or not window["new"]:
        return None
    rows = [(name, str(count)) for name, count in window["new"].items()]
    return Table(("segment", "rows"), rows[:_MOST_LINES], wrapped=True)


def _level(content: Content) -> float:
    return float(content["settings"]["level"])
