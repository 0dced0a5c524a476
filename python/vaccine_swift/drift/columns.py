"""Which columns of a table, or arrays of a file, are the embedding."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from vaccine_swift._arguments import nearest

__all__ = ["Chosen", "Column", "chosen_columns", "natural", "no_column"]

_MOST_LISTED: Final = 8
"""Columns that a message names."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column by what its cells are.

    Parameters
    ----------
    name : str
    kind : {"vectors", "numbers", "lists", "other"}
        Lists of numbers (or an array [N, d] or [L, N, d]), single numbers, lists that
        could be meant but are no vectors of numbers (nested ones, truth values), or
        what no embedding is made of: text, single truth values, dates.
    whole : bool
        Whether the numbers are integers, such as token ids, counts and labels.
    """

    name: str
    kind: Literal["vectors", "numbers", "lists", "other"]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """The columns that are the embedding, in order, and those that are not.

    `kind` is that of the chosen ones: each column of vectors is a layer, all columns
    of numbers together are one.
    """

    names: tuple[str, ...]
    kind: str
    left_out: tuple[str, ...]


def chosen_columns(
    columns: Sequence[Column], wanted: str | Sequence[str] | None, source: str
) -> Chosen:
    """Choose by name, or by what the columns are.

    Without `wanted`: the one column of vectors, or several whose names differ in a
    number only, which are layers. Where there is none, columns of numbers: a numbered
    series (``x0``, ``x1``, …) that makes up more than half of them, else those that
    are not integers, which are labels or row numbers, else all, but no single column of
    integers. Numbers beside lists that are no vectors are not chosen: the lists may be
    the embedding.

    Raises
    ------
    ValueError
        When there is no such column, none that can be the embedding, or more than one
        choice; names the way out.
    """
    if wanted is not None:
        return _named(columns, wanted, source)
    vectors = [each for each in columns if each.kind == "vectors"]
    found = _not_whole(vectors)
    if found and not _one_series(each.name for each in found):
        listed = ", ".join(repr(each.name) for each in found)
        raise ValueError(
            f"{source} has several columns of vectors, {listed}, and only layers of "
            "one shape whose names differ in a number are taken together: choose by "
            "column (--column NAME)"
        )
    if not found:
        for each in columns:
            if each.kind == "lists":
                raise ValueError(
                    f"{source}: column {each.name!r} holds lists that are no vectors "
                    "of numbers: write it as a list of numbers in each row, or choose "
                    "another by column (--column NAME)"
                )
        found = _numbers([each for each in columns if each.kind == "numbers"], source)
    if not found:
        known = ", ".join(repr(each.name) for each in columns) or "no other"
        raise ValueError(
            f"{source} must have a column of numbers or of lists of them, got {known}"
        )
    return _chosen(columns, found)


def no_column(source: object, name: str, known: Sequence[str]) -> ValueError:
    """What is raised where a column is not there: the nearest, or what there is."""
    hint = nearest(name, known)
    if not hint:
        hint = f" It has {', '.join(map(repr, known[:_MOST_LISTED]))}"
        more = len(known) - _MOST_LISTED
        hint += f" and {more} more." if more > 0 else "."
    return ValueError(f"{source} has no column {name!r}.{hint}")


def natural(name: str) -> list[tuple[bool, int | str]]:
    """A sort key that puts ``layer.10`` after ``layer.9``."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in parts]


def _named(
    columns: Sequence[Column], wanted: str | Sequence[str], source: str
) -> Chosen:
    patterns = [wanted] if isinstance(wanted, str) else list(wanted)
    names = [each.name for each in columns]
    found: dict[str, Column] = {}
    for pattern in patterns:
        matching = [
            each
            for each in columns
            if each.name == pattern or fnmatch.fnmatchcase(each.name, pattern)
        ]
        if not matching:
            raise no_column(source, pattern, names)
        for each in sorted(matching, key=lambda column: natural(column.name)):
            found.setdefault(each.name, each)
    kinds = {each.kind for each in found.values()}
    for each in found.values():
        if each.kind in ("lists", "other"):
            raise ValueError(
                f"{source}: column {each.name!r} holds no numbers"
                + (" or lists of them" if each.kind == "lists" else "")
            )
    if len(kinds) > 1:
        raise ValueError(
            f"{source}: column must name lists or numbers, got both: {', '.join(found)}"
        )
    left = tuple(name for name in names if name not in found)
    return Chosen(tuple(found), kinds.pop(), left)


def _numbers(numbers: list[Column], source: str) -> list[Column]:
    series: dict[str, list[Column]] = {}
    for each in numbers:
        if (stem := _stem(each.name)) != each.name:
            series.setdefault(stem, []).append(each)
    long = [found for found in series.values() if len(found) > 1]
    for found in long:
        if 2 * len(found) > len(numbers):
            return found
    if len(long) > 1:
        listed = ", ".join(f"{found[0].name!r} to {found[-1].name!r}" for found in long)
        raise ValueError(
            f"{source} has several series of number columns, {listed}: choose by "
            "column, as 'x*' (--column 'x*')"
        )
    if len(numbers) == 1 and numbers[0].whole:
        name = numbers[0].name
        raise ValueError(
            f"{source} has no vectors, and no numbers but the integers of {name!r}, "
            "which look like row numbers or labels: where they are the embedding, say "
            f"so by column (--column {name})"
        )
    return _not_whole(numbers)


def _not_whole(columns: list[Column]) -> list[Column]:
    return [each for each in columns if not each.whole] or columns


def _one_series(names: Iterable[str]) -> bool:
    known = list(names)
    return len(known) == 1 or len(set(map(_stem, known))) == 1


def _stem(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _chosen(columns: Sequence[Column], found: Sequence[Column]) -> Chosen:
    kind = found[0].kind
    names = [each.name for each in found]
    if kind == "vectors":
        names.sort(key=natural)
    left = tuple(each.name for each in columns if each.name not in names)
    return Chosen(tuple(names), kind, left)
