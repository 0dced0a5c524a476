"""Rows of results put in order: which arm, which place in the grid, which seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vaccine_swift.files.shapes import check_shape
from vaccine_swift.study.row_shape import ROW

__all__ = ["ARM", "PLACE", "Cell", "Row", "cells", "row_settings"]

ARM: Final = ("method", "rho", "variance", "every", "label")
"""Fields of a row that say how the model was aligned."""

PLACE: Final = ("poison", "samples", "task", "lora")
"""Fields of a row that say how it was attacked."""

_NEEDED: Final = (*ARM, *PLACE, "seed", "metrics", "settings")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """A point of the grid; its rows differ in the seed alone.

    Parameters
    ----------
    arm : tuple
        Values of `ARM`.
    place : tuple of (str, object)
        Fields of `PLACE` and the settings that a sweep varies, with their values.
    parameters : tuple of (str, object)
        Further settings of the rows' methods; None where this method has none such.
    """

    arm: tuple[Any, ...]
    place: tuple[tuple[str, Any], ...]
    parameters: tuple[tuple[str, Any], ...] = ()

    @property
    def label(self) -> str:
        """The arm's name for people."""
        return str(self.arm[-1])

    @property
    def method(self) -> str:
        """The alignment method."""
        return str(self.arm[0])

    def fields(self) -> dict[str, Any]:
        """All of it by name."""
        arm = dict(zip(ARM, self.arm, strict=True))
        return arm | dict(self.parameters) | dict(self.place)


def cells(rows: Iterable[Row]) -> dict[Cell, dict[int, Row]]:
    """Rows by cell and seed: arm by arm, each in the order in which they come.

    A setting belongs to the place where it tells rows of the same arm, attack and seed
    apart: a sweep needs no list of what it swept.

    Raises
    ------
    TypeError
        When a row is no mapping.
    ValueError
        When there is no row, a row lacks a field or holds something else in it, or two
        rows are the same cell and seed.
    """
    known = list(rows)
    if not known:
        raise ValueError("rows must hold at least one result, got none")
    for index, row in enumerate(known):
        if not isinstance(row, Mapping):
            raise TypeError(f"rows[{index}] must be a dict, got {type(row).__name__}")
        missing = [name for name in _NEEDED if name not in row]
        if missing:
            raise ValueError(
                f"rows[{index}] must have {missing[0]!r}, which is missing"
            )
        check_shape(row, ROW, f"rows[{index}]")
    swept = _swept(known)
    more = dict.fromkeys(
        name
        for row in known
        for name in row.get("parameters") or {}
        if name not in (*ARM, *PLACE, *swept)
    )
    grid: dict[Cell, dict[int, Row]] = {}
    for index, row in enumerate(known):
        settings = row_settings(row)
        place = [(name, row[name]) for name in PLACE]
        place += [(name, settings.get(name)) for name in swept]
        own = row.get("parameters") or {}
        cell = Cell(
            tuple(row[name] for name in ARM),
            tuple(place),
            tuple((name, own.get(name)) for name in more),
        )
        seeds = grid.setdefault(cell, {})
        if row["seed"] in seeds:
            raise ValueError(
                f"rows must have each cell and seed once, but rows[{index}] is "
                f"{cell.label!r} of seed {row['seed']} again"
            )
        seeds[row["seed"]] = row
    return _by_arm(grid)


def row_settings(row: Row) -> dict[str, Any]:
    """The plain settings of a row; a nested one has the name ``outer.inner``."""
    flat: dict[str, Any] = {}

    def add(prefix: str, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if isinstance(value, Mapping):
                add(f"{prefix}{name}.", value)
            elif value is None or isinstance(value, str | int | float):
                flat[f"{prefix}{name}"] = value

    add("", row["settings"])
    return flat


def _by_arm(grid: Mapping[Cell, dict[int, Row]]) -> dict[Cell, dict[int, Row]]:
    """All places of an arm before the next arm; both in the order of their first."""
    arms = list(dict.fromkeys((cell.arm, cell.parameters) for cell in grid))
    places = list(dict.fromkeys(cell.place for cell in grid))
    return {
        cell: grid[cell]
        for cell in sorted(
            grid,
            key=lambda cell: (
                arms.index((cell.arm, cell.parameters)),
                places.index(cell.place),
            ),
        )
    }


def _swept(rows: Sequence[Row]) -> list[str]:
    first: dict[tuple[Any, ...], dict[str, Any]] = {}
    swept: dict[str, None] = {}
    for row in rows:
        settings = row_settings(row)
        one = first.setdefault(
            tuple(row[name] for name in (*ARM, *PLACE, "seed")), settings
        )
        names = [*one, *(name for name in settings if name not in one)]
        swept |= dict.fromkeys(
            name for name in names if one.get(name) != settings.get(name)
        )
    return list(swept)
