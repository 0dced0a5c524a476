"""What the pages, tables and figures are made of, computed once."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vaccine_swift.study.cells import Cell, Row, cells
from vaccine_swift.study.report.arms import arm_styles, method_styles
from vaccine_swift.study.statistics import differences, summary

__all__ = ["Content", "Entry", "column_name", "field_name", "field_value"]

Entry = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Content:
    """A study's rows and what follows from them.

    Parameters
    ----------
    rows : sequence of dict
        Lines of ``results.jsonl``.
    baseline : str
        As in `differences`.
    """

    rows: Sequence[Row]
    baseline: str

    @classmethod
    def of(cls, rows: Iterable[Row], baseline: str) -> Content:
        """Of any iterable, read once."""
        return cls(list(rows), baseline)

    @functools.cached_property
    def grid(self) -> dict[Cell, dict[int, Row]]:
        """Rows by cell and seed."""
        return cells(self.rows)

    @functools.cached_property
    def styles(self) -> dict[str, str]:
        """Line style of each arm's label."""
        return arm_styles(self.grid)

    @functools.cached_property
    def method_styles(self) -> dict[str, str]:
        """Line style of each method, where its arms are one curve."""
        return method_styles(self.grid)

    @functools.cached_property
    def summary(self) -> list[Entry]:
        """As `statistics.summary`."""
        return summary(self.rows)

    @functools.cached_property
    def differences(self) -> list[Entry]:
        """As `statistics.differences`."""
        return differences(self.rows, self.baseline)

    def varied(self) -> list[str]:
        """Fields of the cells' places that take more than one value."""
        places = [dict(cell.place) for cell in self.grid]
        return [
            name
            for name in places[0]
            if len({str(place[name]) for place in places}) > 1
        ]

    def place_name(self, place: Iterable[tuple[str, Any]], *, but: str = "") -> str:
        """The varied fields of a place in words, without the field `but`."""
        names = [name for name in self.varied() if name != but]
        known = dict(place)
        return ", ".join(
            f"{field_name(name)} = {field_value(known[name])}" for name in names
        )

    def seeds(self) -> int:
        """The largest number of seeds of a cell."""
        return max(len(of_seed) for of_seed in self.grid.values())


def field_name(name: str) -> str:
    """A field of a cell for people."""
    return {"poison": "p", "samples": "n", "rho": "ρ", "every": "τ"}.get(name, name)


def column_name(name: str) -> str:
    """A field of a cell at the head of a column, where p-values stand beside it."""
    return "share p" if name == "poison" else field_name(name)


def field_value(value: Any) -> str:
    """A field's value for people."""
    return f"{value:g}" if isinstance(value, float) else str(value)
