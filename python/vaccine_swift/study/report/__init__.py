"""The report of a study: one page, CSV tables, PNG figures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from vaccine_swift.files import staged_files, write_text
from vaccine_swift.files.spreadsheets import csv_text
from vaccine_swift.pages.plot import save
from vaccine_swift.study.cells import Row
from vaccine_swift.study.report.content import Content
from vaccine_swift.study.report.examples import Answer, Example
from vaccine_swift.study.report.page import drawings, study_fragment, study_page

__all__ = ["Answer", "Example", "fragment", "write_csv", "write_figures"]
__all__ += ["write_html"]


def write_html(
    rows: Iterable[Row],
    path: str | os.PathLike[str],
    *,
    baseline: str = "sft",
    title: str = "Defence study",
    examples: Mapping[str, Iterable[Example]] | None = None,
) -> None:
    """Write a study as one HTML page that needs no other file and no script.

    Parameters
    ----------
    rows : iterable of dict
        Lines of ``results.jsonl``.
    path : path
        The page; it appears whole or not at all.
    baseline : str
        The method or label that others are compared with.
    title : str
        The page's heading.
    examples : mapping of str to iterable of Example, optional
        Answers to show, by the kind of request. Their texts are in the page, so none
        but harmless ones belong there.

    Raises
    ------
    TypeError, ValueError
        For rows that do not fit, as `statistics.summary`.
    OSError
        When the disk refuses.
    """
    write_text(
        Path(path), study_page(Content.of(rows, baseline), title, examples or {})
    )


def fragment(rows: Iterable[Row], *, baseline: str = "sft") -> str:
    """What a notebook shows of a study, as HTML.

    Parameters
    ----------
    rows, baseline
        As in `write_html`.

    Raises
    ------
    TypeError, ValueError
        As `write_html`.
    """
    return study_fragment(Content.of(rows, baseline))


def write_csv(
    rows: Iterable[Row], directory: str | os.PathLike[str], *, baseline: str = "sft"
) -> None:
    """Write ``summary.csv`` and ``differences.csv``.

    Parameters
    ----------
    rows, baseline
        As in `write_html`.
    directory : path
        Made where there is none.

    Raises
    ------
    TypeError, ValueError, OSError
        As `write_html`.
    """
    content = Content.of(rows, baseline)
    tables = {"summary": content.summary, "differences": content.differences}
    with staged_files(Path(directory)) as stage:
        for name, entries in tables.items():
            (stage / f"{name}.csv").write_text(csv_text(entries), encoding="utf-8")


def write_figures(
    rows: Iterable[Row], directory: str | os.PathLike[str], *, baseline: str = "sft"
) -> None:
    """Write every chart of the page as a PNG of 960 by 600 pixels.

    Parameters
    ----------
    rows, baseline
        As in `write_html`.
    directory : path
        Made where there is none.

    Raises
    ------
    ImportError
        Without matplotlib (``pip install 'vaccine-swift[plot]'``).
    TypeError, ValueError, OSError
        As `write_html`.
    """
    content = Content.of(rows, baseline)
    with staged_files(Path(directory)) as stage:
        for drawing in drawings(content):
            save(drawing, stage / f"{drawing.name}.png")
