"""The drift that rounding alone, or a repeat run, shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from vaccine_swift._plurals import counted
from vaccine_swift.drift.report import Report
from vaccine_swift.drift.rounding import floor_value

__all__ = ["floor_content"]


def floor_content(
    floor: str | float | Report | None, layers: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """Each layer's floor, and which layers are below theirs.

    Raises
    ------
    TypeError, ValueError
        For a floor that is none, or has other layers.
    """
    if floor is None:
        return None
    if isinstance(floor, str | int | float | np.number):
        value = floor_value(floor)  # type: ignore[arg-type]
        source = floor if isinstance(floor, str) else f"{value:g}"
        values = [value] * len(layers)
    else:
        source, values = "repeat run", _repeat_run(floor, len(layers))
    drifts = [layer["relative_drift"]["value"] for layer in layers]
    return {
        "source": source,
        "layers": values,
        "below": [
            not drift > value for drift, value in zip(drifts, values, strict=True)
        ],
    }


def _repeat_run(floor: Any, layers: int) -> list[float]:
    if not isinstance(floor, Report):
        raise TypeError(
            "floor must be a dtype's name, a number, an Accumulator or a Report, "
            f"got {type(floor).__name__}"
        )
    values = [layer["relative_drift"]["value"] for layer in floor.to_dict()["layers"]]
    if len(values) != layers:
        raise ValueError(
            f"floor must have {counted(layers, 'layer')}, got {len(values)}"
        )
    return values
