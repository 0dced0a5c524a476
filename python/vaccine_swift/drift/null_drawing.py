"""The picture of tests: where their statistics lie among those of permutations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from vaccine_swift.drift.report_schema import shown
from vaccine_swift.pages.drawing import Drawing, Histogram, Rule
from vaccine_swift.pages.style import SERIES

__all__ = ["null_drawing"]

Content = Mapping[str, Any]


def null_drawing(tests: Mapping[str, Content], title: str) -> Drawing:
    """Where the tests' statistics lie among those of the permutations.

    In standard deviations of each null, so that all tests share one axis.
    """
    histograms, rules = [], []
    for style, (name, test) in zip(SERIES, tests.items(), strict=False):
        histogram = (test.get("details") or {}).get("null_histogram")
        if not histogram or not any(histogram["counts"]):
            continue
        mean, spread = test["null_mean"], test["null_std"] or 1.0
        edges = (np.array(histogram["edges"], np.float64) - mean) / spread
        counts = np.array(histogram["counts"], np.float64)
        place = (float(test["statistic"]) - mean) / spread
        edges, counts = _thickened(edges, counts, place)
        density = counts / (counts.sum() * np.diff(edges))
        histograms.append(
            Histogram("", style, tuple(edges.tolist()), tuple(density.tolist()))
        )
        z, p = shown("", test.get("z")), shown("", test.get("p_value"))
        rule = "b" if len(tests) == 1 else style
        rules.append(Rule(f"{name}: z = {z}, p = {p}", rule, place))
    return Drawing(
        "null",
        title,
        "standard deviations from the mean of the permutations",
        "density",
        histograms=tuple(histograms),
        rules=tuple(rules),
        note="Bars: the statistic of each permutation. Line: as measured.",
    )


def _thickened(edges: Any, counts: Any, place: float) -> tuple[Any, Any]:
    """One bar where the whole null is thinner than a few pixels."""
    ends = [each for each in (*edges[[0, -1]], place) if math.isfinite(each)]
    width = max(ends) - min(ends)
    if edges[-1] - edges[0] > 0.02 * width:
        return edges, counts
    middle, half = (edges[0] + edges[-1]) / 2, 0.01 * (width or 1.0)
    return np.array([middle - half, middle + half]), np.array([counts.sum()])
