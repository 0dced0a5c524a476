"""Two sets of three segments, of which one moved, and their report."""

from __future__ import annotations

import functools

import numpy as np

from vaccine_swift import drift

RNG = np.random.default_rng(0)
LABELS = np.repeat(["de", "en", "fr"], 60)
X = RNG.normal(size=(180, 6))
Y = RNG.normal(size=(180, 6))
Y[:60, :2] += 1.0
SEGMENTS = (LABELS, LABELS)


@functools.cache
def segments_report() -> drift.TwoSampleReport:
    return drift.two_sample(X, Y, segments=SEGMENTS, permutations=199)
