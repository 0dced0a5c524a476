"""Draws the rooms of the project and how many files an addition touches in each.

    python python/scripts/draw_architecture.py

writes ``python/docs/images/architecture.svg``.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

TARGET: Final = Path(__file__).parents[1] / "docs" / "images" / "architecture.svg"

KINDS: Final = {"family": "#b45309", "method": "#0f766e", "metric": "#6d28d9"}
"""What is added, and its colour."""

TITLES: Final = (
    "Before: a family, a method, a metric, in how many files of each room",
    "Now: blocks written once, methods as recipes, one table of metrics",
)

PANEL: Final = 560
PAD: Final = 20
GAP: Final = 10
ROW: Final = 54
HEAD: Final = 92
LABEL: Final = 22


@dataclass(frozen=True)
class Room:
    """A folder, and in how many of its files each kind of addition is at home."""

    name: str
    family: int = 0
    method: int = 0
    metric: int = 0


Rows = list[list[Room]]

BEFORE: Final[dict[str, Rows]] = {
    "Python package": [
        [Room("cli", method=1), Room("study", method=6)],
        [Room("training", method=3), Room("drift", metric=3), Room("data")],
        [Room("models", family=1, method=2), Room("14 modules", family=2, method=2)],
        [Room("checkpoints", family=1), Room("_report")],
    ],
    "C": [[Room("CPythonShim", method=1), Room("CVaccine", method=1)]],
    "Swift core": [
        [Room("VaccineABI", family=1, method=1)],
        [Room("VaccineTraining", method=1), Room("VaccineDrift", metric=3)],
        [Room("VaccineTransformer", family=5)],
        [Room("VaccineNumerics"), Room("CKernels")],
    ],
}
"""The rooms of commit 20b7d03, by the files that name a family's or method's
settings or the metric ``cka_biased``."""

AFTER: Final[dict[str, Rows]] = {
    "Python package": [
        [Room("cli"), Room("study")],
        [Room("drift"), Room("training"), Room("integrations")],
        [
            Room("models"),
            Room("methods", method=2),
            Room("engines"),
            Room("distributed"),
        ],
        [Room("data"), Room("text")],
        [Room("checkpoints"), Room("families", family=2)],
        [Room("files"), Room("pages"), Room("statistics"), Room("machine")],
    ],
    "C": [[Room("CPythonShim"), Room("CVaccine")]],
    "Swift core": [
        [Room("VaccineABI"), Room("Vaccine")],
        [Room("VaccineTraining"), Room("VaccineDrift", metric=2)],
        [Room("VaccineTransformer")],
        [Room("VaccineNumerics"), Room("CKernels")],
    ],
}
"""The rooms of today; the second file of a family and a method is the line that
enters it."""


def svg() -> str:
    """The whole picture."""
    height = HEAD + max(_height(BEFORE), _height(AFTER)) + PAD
    parts = [
        (
            '<svg xmlns="http://www.w3.org/2000/svg"'
            f' viewBox="0 0 {2 * PANEL} {height}" role="img"'
            ' font-family="system-ui, sans-serif">'
        ),
        "<title>Rooms of the project before and now</title>",
        f'<rect width="{2 * PANEL}" height="{height}" fill="#ffffff"/>',
        _legend(),
    ]
    for index, (title, bands) in enumerate(zip(TITLES, (BEFORE, AFTER), strict=True)):
        left = index * PANEL + PAD
        parts.append(_text(left, HEAD - 16, title, size=13.5, weight=600))
        parts += _panel(left, bands)
    return "\n".join([*parts, "</svg>", ""])


def _height(bands: dict[str, Rows]) -> int:
    return sum(LABEL + len(rows) * (ROW + GAP) + GAP for rows in bands.values())


def _panel(left: int, bands: dict[str, Rows]) -> list[str]:
    width = PANEL - 2 * PAD
    parts, y = [], HEAD
    for band, rows in bands.items():
        height = LABEL + len(rows) * (ROW + GAP)
        parts.append(_box(left, y, width, height, "#f1f5f9", "#cbd5e1"))
        parts.append(_text(left + GAP, y + 16, band, size=12, colour="#475569"))
        top = y + LABEL
        for rooms in rows:
            each = (width - GAP * (len(rooms) + 1)) / len(rooms)
            for index, room in enumerate(rooms):
                x = left + GAP + index * (each + GAP)
                parts.append(_box(x, top, each, ROW, "#ffffff", "#94a3b8"))
                parts.append(_text(x + 9, top + 19, room.name, size=13))
                parts += _dots(x + 15, top + 37, room)
            top += ROW + GAP
        y += height + GAP
    return parts


def _dots(x: float, y: float, room: Room) -> list[str]:
    """A disc for each file."""
    colours = [
        colour for kind, colour in KINDS.items() for _ in range(getattr(room, kind))
    ]
    return [
        f'<circle cx="{x + 15 * index:.1f}" cy="{y:.1f}" r="5.5" fill="{colour}"/>'
        for index, colour in enumerate(colours)
    ]


def _legend() -> str:
    parts, x = [_text(PAD, 34, "A disc is a file that an addition touches:")], 322.0
    for kind, colour in KINDS.items():
        parts.append(f'<circle cx="{x}" cy="29" r="5.5" fill="{colour}"/>')
        parts.append(_text(x + 12, 34, f"a {kind}"))
        x += 100
    parts.append(
        _text(
            x + 14,
            34,
            "Now a room imports from beside and below, never from above.",
            colour="#475569",
        )
    )
    return "\n".join(parts)


def _box(
    x: float, y: float, width: float, height: float, fill: str, stroke: str
) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        f' rx="6" fill="{fill}" stroke="{stroke}"/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: float = 14,
    weight: int = 400,
    colour: str = "#0f172a",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}"'
        f' fill="{colour}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    TARGET.write_text(svg(), encoding="utf-8")
