"""What separates the columns of a table that is text."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Final

__all__ = ["check_separator"]

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
    if other is None:
        return
    remedy = f"write it with {_NAMES[separator]}"
    if other in _SUFFIXES:
        remedy += f", or call it {_SUFFIXES[other]}"
    raise ValueError(
        f"{path} must have columns separated by {_NAMES[separator]}, got "
        f"{_NAMES[other]} in {header.strip()!r:.60}: {remedy}"
    )
