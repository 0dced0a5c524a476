"""The look of every arm, the same in every chart."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

from vaccine_swift.methods import registered
from vaccine_swift.study.arms import is_aligned
from vaccine_swift.study.cells import Cell
from vaccine_swift.study.settings import METHODS

__all__ = ["arm_styles", "method_styles"]

_NO_METHOD: Final = "quiet"
_METHODS: Final = ("b", "a", "d", "c", "e", "b dashed", "d dashed", "b dotted")
_MORE: Final = ("c", "e", "a dashed", "c dashed", "e dashed", "a dotted", "c dotted")


def method_styles(cells: Iterable[Cell]) -> dict[str, str]:
    """A line style for each method, the same in every study of the same registry."""
    found = list(dict.fromkeys(cell.method for cell in cells))
    ordered = filter(is_aligned, dict.fromkeys((*METHODS, *registered(), *found)))
    known = dict(
        zip(
            ordered,
            itertools.chain(_METHODS, itertools.repeat("e dotted")),
            strict=False,
        )
    )
    return {method: known.get(method, _NO_METHOD) for method in found}


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
