"""The pictures of a report's second moments: CKA between layers, spectra."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vaccine_swift.pages import scales
from vaccine_swift.pages.drawing import Curve, Drawing, Heat, Point
from vaccine_swift.pages.style import SERIES

__all__ = ["cka_drawing", "spectrum_drawing"]

Content = Mapping[str, Any]


def cka_drawing(content: Content) -> Drawing:
    """CKA between every layer of the reference and every layer of the current model."""
    values = np.array(content["cka_map"] or np.empty((0, 0)), np.float64)
    finite = values[np.isfinite(values)]
    low = max(0.0, math.floor(10 * finite.min()) / 10) if finite.size else 0.0
    low = min(low, 0.9)
    return Drawing(
        "cka",
        "CKA between layers",
        "layer, current",
        "layer, reference",
        heat=Heat(values, low, 1.0, f"≤ {low:g}", "1", "CKA, debiased"),
    )


def spectrum_drawing(content: Content, layers: Sequence[int]) -> Drawing:
    """Leading eigenvalues of both sides' covariance, as shares of the trace."""
    curves, heights, count = [], [], 1
    for index, layer in enumerate(layers):
        for side in ("reference", "current"):
            values = [
                value if value > 0 else math.nan
                for value in content["spectra"][layer][side]
            ]
            style = SERIES[index] + (" dashed" if side == "current" else "")
            label = f"layer {layer}, {side}"
            if len(layers) == 1:
                style, label = {"reference": "a"}.get(side, "b dashed"), side
            points = tuple(Point(k + 1, value) for k, value in enumerate(values))
            curves.append(Curve(label, style, points, dots=False))
            heights += [value for value in values if value > 0]
            count = max(count, len(values))
    title = f"Spectrum, layer {layers[0]}" if len(layers) == 1 else "Spectra"
    return Drawing(
        "spectra",
        title,
        "component",
        "share of the variance",
        tuple(curves),
        x=scales.linear([1, count]) if count < 4 else scales.logarithmic([1, count]),
        y=scales.logarithmic([*heights, max(heights, default=1.0) / 10]),
    )
