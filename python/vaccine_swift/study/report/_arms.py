"""The look and the name of every arm, the same in every chart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vaccine_swift.study.cells import Cell

__all__ = ["METHOD_NAMES", "METHOD_STYLES", "arm_styles"]

METHOD_NAMES: Final = {
    "none": "No alignment",
    "sft": "SFT",
    "random": "Random perturbation",
    "vaccine": "Vaccine",
}
METHOD_STYLES: Final = {"none": "quiet", "sft": "b", "random": "d", "vaccine": "a"}
_MORE: Final = ("c", "e", "a dashed", "c dashed", "e dashed", "a dotted", "c dotted")


def arm_styles(cells: Iterable[Cell]) -> dict[str, str]:
    """A line style for each label: the method's own, further arms of it others."""
    styles: dict[str, str] = {}
    rest = iter(_MORE)
    for cell in cells:
        if cell.label in styles:
            continue
        style = METHOD_STYLES.get(cell.method)
        if style is None or style in styles.values():
            style = next(rest, "e dotted")
        styles[cell.label] = style
    return styles
