"""How far the attack moved a model, in one number.

The relative drift of the attention outputs from the aligned to the attacked model, over
all layers and all held-out requests together, restricted and ordinary ones: what
`vaccine_swift.drift` reports as ``overall`` ``relative_drift``. Tables, curves and the
terminal all show this number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean
from typing import Final

from vaccine_swift.study.cells import Row

__all__ = ["DRIFT_NOTE", "cell_drift", "drift_shown", "mean_drift"]

DRIFT_NOTE: Final = (
    "drift: relative, aligned to attacked model, all layers and requests together"
)
"""What the number is, where it is shown."""


def mean_drift(row: Row) -> float | None:
    """The drift of a row as a share; None where it was not measured.

    A row that holds layers alone gives the root of the ratio of their mean squares,
    which is the same number.
    """
    drift = row.get("drift") or {}
    whole = (drift.get("overall") or {}).get("overall")
    if whole:
        value = whole["value"]
        return None if value is None else float(value)
    layers = (drift.get("layers") or {}).get("overall") or ()
    moved = math.fsum(layer["rms"] ** 2 for layer in layers)
    norms = math.fsum(
        (layer["rms"] / layer["relative_drift"]) ** 2
        for layer in layers
        if layer["relative_drift"]
    )
    return math.sqrt(moved / norms) if norms else None


def cell_drift(rows: Iterable[Row]) -> float | None:
    """The mean over the seeds of a cell, of those that have one."""
    values = [value for row in rows if (value := mean_drift(row)) is not None]
    return fmean(values) if values else None


def drift_shown(value: float | None) -> str:
    """A drift in per cent, for people."""
    return "–" if value is None else f"{100 * value:.1f}"
