"""The look of every arm, the same in every chart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vaccine_swift.study.arms import is_aligned
from vaccine_swift.study.cells import Cell

__all__ = ["arm_styles", "method_styles"]

_NO_METHOD: Final = "quiet"
_METHODS: Final = ("b", "a", "d", "c", "e")
_MORE: Final = ("c", "e", "a dashed", "c dashed", "e dashed", "a dotted", "c dotted")


def method_styles(cells: Iterable[Cell]) -> dict[str, str]:
    """A line style for each method, in the order of their first arms."""
    styles: dict[str, str] = {}
    rest = iter(_METHODS)
    for cell in cells:
        if cell.method not in styles:
            aligned = is_aligned(cell.method)
            styles[cell.method] = next(rest, "e dotted") if aligned else _NO_METHOD
    return styles


def arm_styles(cells: Iterable[Cell]) -> dict[str, str]:
    """A line style for each label: the method's own, further arms of it others."""
    known = list(cells)
    of_method = method_styles(known)
    styles: dict[str, str] = {}
    rest = (style for style in _MORE if style not in of_method.values())
    for cell in known:
        if cell.label in styles:
            continue
        style = of_method[cell.method]
        if style in styles.values():
            style = next(rest, "e dotted")
        styles[cell.label] = style
    return styles
