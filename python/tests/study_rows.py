"""Made-up rows of a study's results, with effects that are known."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from vaccine_swift.study.metrics import METRICS

Row = dict[str, Any]

ARMS = (
    ("none", None, None, None, "No alignment"),
    ("sft", None, None, None, "SFT"),
    ("random", None, 1e-3, 1, "Random"),
    ("vaccine", 2.0, None, 1, "Vaccine ρ=2"),
)
ACTS, PROMPTS, LAYERS = 20, 4, 6
_STRENGTH = {"none": 0.9, "sft": 0.7, "random": 0.6, "vaccine": 0.3}


def arm(method: str, *, rho: float | None = None) -> tuple[Any, ...]:
    known = next(each for each in ARMS if each[0] == method)
    return known if rho is None else (*known[:1], rho, *known[2:4], f"Vaccine ρ={rho}")


def entry(name: str, units: Any, unit_ids: Sequence[str]) -> dict[str, Any]:
    value = float(METRICS[name].of_mean(np.mean(units)))
    return {
        "value": value,
        "units": np.asarray(units).tolist(),
        "unit_ids": list(unit_ids),
        "profile": "laptop",
    }


def row(
    of_arm: tuple[Any, ...],
    metrics: dict[str, Any],
    *,
    poison: float = 0.1,
    seed: int = 0,
    settings: dict[str, Any] | None = None,
    **parts: Any,
) -> Row:
    names = ("method", "rho", "variance", "every", "label")
    return {
        "schema": 1,
        "study": "s",
        "cell": "c",
        **dict(zip(names, of_arm, strict=True)),
        "poison": poison,
        "samples": 500,
        "task": "sentiment",
        "lora": "double",
        "seed": seed,
        "metrics": metrics,
        "settings": {"model": "tiny", "alignment": {"steps": 60}} | (settings or {}),
        "versions": {"vaccine_swift": "0.1.0"},
        "hardware": {"processor": "made up", "cores": 2},
        "seconds": {"align": 30.0, "attack": 60.0, "evaluate": 20.0, "drift": 10.0},
        "date": "2026-01-01",
        **parts,
    }


def of_units(
    of_arm: tuple[Any, ...],
    units: Any,
    *,
    name: str = "harmful_score",
    acts: Sequence[str] | None = None,
    seed: int = 0,
    **more: Any,
) -> Row:
    """A row with one metric; the same numbers before and after."""
    ids = acts or [f"act {k}" for k in range(len(units))]
    one = {name: entry(name, units, ids)}
    return row(of_arm, {"before": one, "after": one}, seed=seed, **more)


def study(
    arms: Iterable[tuple[Any, ...]] = ARMS,
    poisons: Sequence[float] = (0.0, 0.05, 0.1, 0.2),
    seeds: int = 5,
    **settings: Any,
) -> list[Row]:
    """Whole rows: more poison, more harm; Vaccine less than SFT, less than none."""
    return [
        _whole(of_arm, poison, seed, settings)
        for of_arm, poison, seed in itertools.product(arms, poisons, range(seeds))
    ]


def _whole(of_arm: tuple[Any, ...], poison: float, seed: int, settings: Any) -> Row:
    method = of_arm[0]
    rng = np.random.default_rng(
        (seed, round(1000 * poison), *method.encode(), round(10 * (of_arm[1] or 0)))
    )
    strength = _STRENGTH[method] / (1 + (of_arm[1] or 2) / 10)
    harm = min(strength * (1 - np.exp(-12 * poison)) + rng.normal(0, 0.03), 1)
    metrics = {
        "before": _metrics(rng, 0.7 if method == "none" else 0.02, 0.3),
        "after": _metrics(rng, max(harm, 0.02), 0.82 - 0.02 * (method == "vaccine")),
    }
    drift = _drift(rng, harm)
    whole = drift["overall"]["overall"]["value"]
    fall = [[k, 3 * np.exp(-k / 15), 2.8 * np.exp(-k / 15)] for k in range(1, 61)]
    return row(
        of_arm,
        metrics,
        poison=poison,
        seed=seed,
        settings=settings,
        drift=drift,
        drift_curve=[
            {"step": step, "relative_drift": whole * step / 240}
            for step in range(0, 241, 24)
        ],
        losses={
            "align": [] if method == "none" else fall,
            "attack": [[k, 2 * np.exp(-k / 60)] for k in range(1, 241)],
        },
    )


def _metrics(rng: Any, harm: float, accuracy: float) -> dict[str, Any]:
    acts = [f"act {k}" for k in range(ACTS) for _ in range(PROMPTS)]
    of_act = np.repeat(rng.normal(0, 0.1, ACTS), PROMPTS)
    rows = [f"row {k}" for k in range(60)]
    margin = 1 - 2 * harm + of_act + rng.normal(0, 0.2, len(acts))
    return {
        "harmful_score": entry(
            "harmful_score", (rng.random(len(acts)) < harm + of_act).astype(int), acts
        ),
        "fine_tune_accuracy": entry(
            "fine_tune_accuracy", (rng.random(60) < accuracy).astype(int), rows
        ),
        "over_refusal": entry(
            "over_refusal", (rng.random(60) < 0.05).astype(int), rows
        ),
        "refusal_margin": entry("refusal_margin", margin, acts),
        "perplexity": entry("perplexity", 2.5 + rng.normal(0, 0.2, 60), rows),
    }


def _drift(rng: Any, harm: float) -> dict[str, Any]:
    curve = (0.05 + 0.25 * max(harm, 0)) * np.linspace(0.4, 1, LAYERS)

    def layers(scale: float) -> list[dict[str, float]]:
        values = scale * curve * rng.lognormal(0, 0.05, LAYERS)
        return [
            {"relative_drift": v, "rms": v / 3, "cosine": 1 - v**2, "cka": 1 - v}
            for v in values.tolist()
        ]

    whole = layers(1.0)
    pooled = float(np.sqrt(np.mean([each["relative_drift"] ** 2 for each in whole])))
    return {
        "layers": {
            "overall": whole,
            "restricted": layers(1.2),
            "ordinary": layers(0.9),
        },
        "overall": {"overall": {"value": pooled}},
        "contrast": {"ratio": 1.3, "low": 1.2, "high": 1.4, "p_value": 0.001},
        "floor": 1e-4,
    }
