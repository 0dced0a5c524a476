"""A small accumulator that the tests of drift fill."""

from __future__ import annotations

import numpy as np

from vaccine_swift import drift

LAYERS, PROMPTS, PER, WIDTH = 2, 40, 3, 20


def pair(seed: int = 0, scale: float = 0.1, dtype: type = np.float64):
    rng = np.random.default_rng(seed)
    x = rng.normal(1, 2, (LAYERS, PROMPTS * PER, WIDTH))
    y = x + 0.05 + scale * rng.normal(size=x.shape)
    return x.astype(dtype), y.astype(dtype), np.repeat(np.arange(PROMPTS), PER)


def filled(tier: str = "light", **options) -> drift.Accumulator:
    x, y, ids = pair()
    acc = drift.Accumulator(width=WIDTH, layers=LAYERS, tier=tier, **options)
    acc.update(x, y, ids=ids, groups={"a": ids < 10})
    return acc


def value(report: drift.Report, metric: str, layer: int = 0) -> float:
    return report.to_dict()["layers"][layer][metric]["value"]
