"""A made-up report's content, with every part that an accumulator fills."""

from __future__ import annotations

from typing import Any

import numpy as np

LAYERS, PROMPTS, WIDTH = 12, 40, 64


def estimate(value: float, spread: float = 0.05) -> dict[str, float]:
    half = spread * abs(value)
    return {"value": value, "low": value - half, "high": value + half}


def content(*, layers: int = LAYERS, prompts: int = PROMPTS) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    curve = 0.02 + 0.08 * np.linspace(0, 1, layers) ** 2
    table = curve * rng.lognormal(0, 0.4, (prompts, 1))
    table *= rng.lognormal(0, 0.15, (prompts, layers))
    overall = table.mean(1)
    order = np.argsort(-overall)
    distance = np.abs(np.subtract.outer(np.arange(layers), np.arange(layers)))
    null = rng.normal(0, 0.01, 999)
    counts, edges = np.histogram(null, 30)
    share = np.exp(-np.arange(64) / 8)
    share /= share.sum()

    def table_metrics(scale: float, drift: float) -> dict[str, Any]:
        return {
            "relative_drift": estimate(scale * drift),
            "rms": estimate(scale * drift * 0.3),
            "cosine": estimate(1 - scale * drift**2, 0.001),
        }

    def layer_metrics(drift: float) -> dict[str, Any]:
        return table_metrics(1, drift) | {
            "translation_share": estimate(0.4),
            "cka": estimate(1 - 2 * drift, 0.01),
            "procrustes": estimate(drift),
            "frechet": estimate(10 * drift),
            "mahalanobis": {
                "value": float("nan"),
                "low": float("nan"),
                "high": float("nan"),
                "reason": "40 prompts for 64 dimensions",
            },
        }

    test = {
        "statistic": 0.061,
        "p_value": 0.001,
        "z": 6.1,
        "null_mean": 0.0,
        "null_std": 0.01,
        "permutations": 999,
        "effect_size": 0.8,
        "details": {
            "null_histogram": {"counts": counts.tolist(), "edges": edges.tolist()}
        },
        "layers": [{"p_value": 0.001, "p_adjusted": 0.002}] * layers,
    }
    contrast = test | {
        "details": test["details"]
        | {"groups": ["restricted", "ordinary"], "ratio": estimate(1.7)}
    }
    groups = {"restricted": prompts // 2, "ordinary": prompts - prompts // 2}
    return {
        "schema": "vaccine_swift.drift/1",
        "settings": {
            "width": WIDTH,
            "layers": layers,
            "tier": "full",
            "seed": 0,
            "directions": 64,
            "sketch": 256,
            "folds": 10,
            "rows": 900,
            "prompts": prompts,
            "permutations": 999,
            "confidence": 0.95,
            "groups": groups,
            "version": "0.1.0",
            "created": "2026-01-01T00:00:00+00:00",
            "metadata": {"reference": "base", "current": "<aligned>"},
        },
        "layers": [layer_metrics(float(each)) for each in curve],
        "overall": table_metrics(1, float(curve.mean()))
        | {"hed_paper": estimate(812.0)},
        "groups": {
            name: {
                "prompts": count,
                "overall": table_metrics(scale, float(curve.mean())),
                "layers": [table_metrics(scale, float(each)) for each in curve],
            }
            for (name, count), scale in zip(groups.items(), (1.3, 0.75), strict=True)
        },
        "tests": {"signflip": test, "max_t": test, "contrast": contrast},
        "floor": {
            "source": "repeat run",
            "layers": [0.025] * layers,
            "below": [bool(each < 0.025) for each in curve],
        },
        "spectra": [{"reference": share.tolist(), "current": (share**0.9).tolist()}]
        * layers,
        "cka_map": (np.exp(-distance / 6) * 0.98).tolist(),
        "prompts": {
            "ids": [f"prompt-{index}" for index in order[:100]],
            "relative_drift": table[order[:100]].tolist(),
            "overall": overall[order[:100]].tolist(),
        },
    }
