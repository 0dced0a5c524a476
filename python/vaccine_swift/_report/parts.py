"""The parts of a report's page, in its style sheet's classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vaccine_swift._report.style import STYLE
from vaccine_swift._report.svg import escaped

__all__ = ["page", "section", "table", "tiles"]


def page(title: str, body: str) -> str:
    """A whole page that needs no other file and no script."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escaped(title)}</title><style>body{{margin:0}}"
        ".vs-report{min-height:100vh;background:var(--page)}"
        f'{STYLE}</style></head><body class="vs-report"><main>{body}</main></body>'
        "</html>\n"
    )


def section(title: str, note: str, figures: Iterable[str], *, before: str = "") -> str:
    """A heading with a note, what comes `before` and a grid of figures; or nothing."""
    drawn: Sequence[str] = [each for each in figures if each]
    if not (drawn or before):
        return ""
    text = f'<p class="soft">{note}</p>' if note else ""
    grid = f'<div class="charts">{"".join(drawn)}</div>' if drawn else ""
    apart = f'<div class="apart">{before}</div>' if before else ""
    return f"<h2>{title}</h2>{text}{apart}{grid}"


def tiles(entries: Iterable[tuple[str, str]]) -> str:
    """Numbers that matter most, each with what it is."""
    return '<div class="tiles">{}</div>'.format(
        "".join(
            f'<div class="tile"><b>{escaped(value)}</b>'
            f"<span>{escaped(label)}</span></div>"
            for value, label in entries
        )
    )


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    wrapped: bool = False,
    pale: Iterable[int] = (),
) -> str:
    """A table of HTML cells that scrolls sideways where it must.

    Parameters
    ----------
    heads : sequence of str
        Plain text.
    rows : iterable of sequences of str
        HTML.
    wrapped : bool
        Whether the first column may break its lines.
    pale : iterable of int
        Rows that are drawn pale.
    """
    faded = frozenset(pale)
    head = "".join(f"<th>{escaped(each)}</th>" for each in heads)
    lines = []
    for index, row in enumerate(rows):
        first, *rest = row
        opening = '<tr class="floor">' if index in faded else "<tr>"
        name = f'<td class="wrap">{first}</td>' if wrapped else f"<td>{first}</td>"
        lines.append(opening + name + "".join(f"<td>{each}</td>" for each in rest))
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(lines)}</table></div>'
