"""Answers of a model before and after alignment, and a run's numbers, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from vaccine_swift.cli.terminal import visible
from vaccine_swift.study.judges.refusals import is_refusal

__all__ = ["Comparison", "curve", "summary", "table"]

_BARS: Final = "▁▂▃▄▅▆▇█"
_MOST_BARS: Final = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """One request with the answers before and after alignment."""

    request: str
    before: str
    after: str


def table(title: str, comparisons: Iterable[Comparison]) -> Table:
    """A block of three rows for each request; refusals are set in another colour."""
    result = Table(title=title, box=box.SIMPLE_HEAD, show_header=False, expand=True)
    result.title_style, result.title_justify = "bold", "left"
    result.add_column(justify="right", style="dim", no_wrap=True)
    result.add_column(ratio=1)
    for comparison in comparisons:
        result.add_row("request", Text(visible(comparison.request), style="bold"))
        result.add_row("before", _answer(comparison.before))
        result.add_row("after", _answer(comparison.after), end_section=True)
    return result


def curve(values: Sequence[float]) -> str:
    """First and last value with bars between, each the mean of a stretch of a run.

    Parameters
    ----------
    values : sequence of float
        At least one.

    Examples
    --------
    >>> curve([4.0, 3.0, 2.0, 0.5])
    '4.00 █▆▄▁ 0.50'
    """
    count = min(_MOST_BARS, len(values))
    edges = [len(values) * index // count for index in range(count + 1)]
    means = [fmean(values[a:b]) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    scale = (len(_BARS) - 1) / (high - low or 1.0)
    bars = "".join(_BARS[round((mean - low) * scale)] for mean in means)
    return f"{means[0]:.2f} {bars} {means[-1]:.2f}"


def summary(lines: Iterable[tuple[str, str]]) -> Table:
    """Names and values in two columns."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in lines:
        grid.add_row(name, Text(visible(value)))
    return grid


def _answer(text: str) -> Text:
    words = visible(" ".join(text.split()))
    return Text(words, style="yellow" if is_refusal(words) else "green")
