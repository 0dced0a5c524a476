"""What separates the columns of a table that is text, and whether they have names."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Final

__all__ = ["check_separator", "has_names"]

_NAMES: Final = MappingProxyType({",": "','", "\t": "tabs", ";": "';'", "|": "'|'"})
_SUFFIXES: Final = MappingProxyType({",": ".csv", "\t": ".tsv"})


def check_separator(path: Path, header: str, separator: str) -> None:
    """Refuse a table whose header has another separator, and not the right one.

    Parameters
    ----------
    path : Path
        What the message calls it.
    header : str
        Its first line.
    separator : str
        What should separate its columns, a comma or a tab.

    Raises
    ------
    ValueError
        Names what was found.

    Examples
    --------
    >>> check_separator(Path("a.csv"), "id;x0", ",")
    Traceback (most recent call last):
    ValueError: a.csv must have columns separated by ',', got ';' in 'id;x0': write it with ','
    """  # noqa: E501  # the message is one line
    if separator in header:
        return
    other = next((each for each in _NAMES if each in header), None)
    words = header.split()
    if other is None and len(words) > 1 and None not in map(_number, words):
        other = " "
    if other is None:
        return
    remedy = f"write it with {_NAMES[separator]}"
    if other in _SUFFIXES:
        remedy += f", or call it {_SUFFIXES[other]}"
    raise ValueError(
        f"{path} must have columns separated by {_NAMES[separator]}, got "
        f"{_NAMES.get(other, 'spaces')} in {header.strip()!r:.60}: {remedy}"
    )


def has_names(path: Path, header: str, separator: str) -> bool:
    """Whether the first line of a table names its columns; not where it is numbers.

    Numbers that count the columns, as a data frame without names has them, are names.

    Raises
    ------
    ValueError
        When it is other whole numbers, which may be names or values, or has fractions
        beside words.

    Examples
    --------
    >>> has_names(Path("a.csv"), "0,1,2", ","), has_names(Path("a.csv"), "0.5,1,2", ",")
    (True, False)
    """
    numbers = [_number(each) for each in header.rstrip("\r\n").split(separator)]
    known = [each for each in numbers if each is not None]
    whole = all(each.is_integer() for each in known)
    if len(known) < len(numbers):
        if whole:
            return True
    elif not whole:
        return False
    elif len(known) > 1 and known in _counted(len(known)):
        return True
    raise ValueError(
        f"{path} must have names of columns in its first line, got "
        f"{header.strip()!r:.60}"
    )


def _counted(columns: int) -> list[list[float]]:
    return [[float(start + k) for k in range(columns)] for start in (0, 1)]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
