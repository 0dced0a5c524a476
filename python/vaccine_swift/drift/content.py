"""An accumulator's state as a report's content: metrics, tests, floor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vaccine_swift import _core
from vaccine_swift._arguments import check_range
from vaccine_swift.drift.distribution import distributions
from vaccine_swift.drift.floor import floor_content
from vaccine_swift.drift.metrics import (
    PAIRED_METRICS,
    TABLE_METRICS,
    VECTOR_METRICS,
    estimates,
    numbers_of,
)
from vaccine_swift.drift.permutation_tests import run_tests
from vaccine_swift.drift.prompts import Prompts
from vaccine_swift.drift.provenance import provenance
from vaccine_swift.drift.report_schema import SCHEMA
from vaccine_swift.drift.watch import Told, Watch
from vaccine_swift.statistics import student_quantile

if TYPE_CHECKING:
    from vaccine_swift.drift.state import State

__all__ = ["report_content"]

_SPECTRUM: Final = 64
_MOST_MAPPED: Final = 64
_TOP: Final = 100


def report_content(
    state: State,
    *,
    tests: Sequence[str] | None,
    permutations: int,
    confidence: float,
    floor: Any,
    contrast: tuple[str, str] | None,
    seed: int,
    intervals: bool,
    metadata: Mapping[str, Any],
    watch: Watch,
) -> dict[str, Any]:
    """The dict of schema ``vaccine_swift.drift/1``."""
    check_range("permutations", permutations, minimum=0, maximum=2**20, integer=True)
    check_range("confidence", confidence, above=0.0, below=1.0)
    check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
    if not state.ids:
        raise RuntimeError("nothing was added yet; call update first")
    prompts = Prompts.of(state)
    draws = _Draws(int(permutations), float(confidence), int(seed))
    count = 1 + len(prompts.groups)
    told, *told_of_groups = watch.parts("intervals over prompts", count)
    layers, overall = _table_metrics(prompts, state.width, draws, told)
    groups = {
        name: _group(prompts.chosen(mask), state.width, draws, told)
        for (name, mask), told in zip(
            prompts.groups.items(), told_of_groups, strict=True
        )
    }
    spectra = _add_moment_metrics(
        layers, state, confidence, intervals=intervals, watch=watch
    )
    for layer, norm in zip(layers, state.booster.tolist(), strict=True):
        layer["hed_booster_code"] = _plain(norm)
    overall["hed_booster_code"] = _plain(float(state.booster.sum()))
    return {
        "schema": SCHEMA,
        "settings": _settings(state, prompts, draws, metadata),
        "layers": layers,
        "overall": overall,
        "groups": groups,
        "tests": run_tests(
            prompts, state.width, tests, contrast, draws.count, confidence, seed, watch
        ),
        "floor": floor_content(floor, layers),
        "spectra": spectra,
        "cka_map": _layer_map(prompts, state.layers, watch),
        "prompts": _most_drifted(prompts, state.width),
        "distribution": distributions(prompts, state.width),
    }


@dataclass(frozen=True)
class _Draws:
    count: int
    confidence: float
    seed: int


def _settings(
    state: State, prompts: Prompts, draws: _Draws, metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """With which, and the same embeddings, the same numbers come out."""
    return {
        "width": state.width,
        "layers": state.layers,
        "tier": state.tier,
        "seed": state.seed,
        "directions": state.directions,
        "sketch": state.sketch,
        "folds": state.folds,
        "rows": state.rows,
        "prompts": len(prompts.ids),
        "permutations": draws.count,
        "confidence": draws.confidence,
        "report_seed": draws.seed,
        "groups": {name: int(mask.sum()) for name, mask in prompts.groups.items()},
        **provenance(metadata),
    }


def _plain(value: float) -> dict[str, Any]:
    """A value without an interval: it depends on how rows were batched."""
    return {"value": value, "low": math.nan, "high": math.nan}


def _table_metrics(
    prompts: Prompts, width: int, draws: _Draws, told: Told
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    layers = prompts.table.shape[1]
    values = np.empty((layers + 1, len(TABLE_METRICS), 4))
    _core.drift_table_metrics(
        np.ascontiguousarray(prompts.table),
        prompts.keys,
        layers,
        width,
        draws.count,
        draws.confidence,
        draws.seed,
        values,
        told,
    )
    found = [estimates(TABLE_METRICS, each) for each in values]
    return found[:-1], found[-1]


def _group(prompts: Prompts, width: int, draws: _Draws, told: Told) -> dict[str, Any]:
    if not prompts.ids:
        return {"prompts": 0, "overall": {}, "layers": []}
    layers, overall = _table_metrics(prompts, width, draws, told)
    return {"prompts": len(prompts.ids), "overall": overall, "layers": layers}


def _add_moment_metrics(
    layers: list[dict[str, Any]],
    state: State,
    confidence: float,
    *,
    intervals: bool,
    watch: Watch,
) -> list[dict[str, list[float]]] | None:
    """Adds vector and second-moment metrics to every layer; returns spectra."""
    used = _core.drift_vector_folds(state.vector[0], state.folds, state.width)
    t = student_quantile(confidence, used - 1) if used > 1 else math.nan
    vector = np.empty((len(VECTOR_METRICS), 4))
    for layer, states in zip(layers, state.vector, strict=True):
        _core.drift_vector_metrics(states, state.folds, state.width, t, vector)
        layer |= estimates(VECTOR_METRICS, vector)
    width = state.moment_width
    if not width:
        return None
    # A projection keeps inner products in the mean only; what the first moments of the
    # whole width give is exact.
    known = VECTOR_METRICS if state.tier == "sketch" else ()
    asked = [name for name in PAIRED_METRICS if name not in known]
    names = [*asked, *(f"energy_{name}" for name in state.energy)]
    directions = np.concatenate(
        [np.zeros(0), *(rows.ravel() for rows in state.energy.values())]
    )
    counts = np.array([len(rows) for rows in state.energy.values()], np.int64)
    values = np.empty((len(names), 4))
    spectra: list[dict[str, list[float]]] = []
    parts = watch.parts("second moments", len(layers))
    for layer, states, told in zip(layers, state.paired, parts, strict=True):
        pair = np.zeros((2, min(_SPECTRUM, width)))
        _core.drift_paired_metrics(
            states,
            state.folds,
            width,
            numbers_of(asked),
            t,
            intervals,
            directions,
            counts,
            values,
            pair.reshape(-1),
            told,
        )
        layer |= estimates(names, values)
        spectra.append({"reference": pair[0].tolist(), "current": pair[1].tolist()})
    return spectra


def _layer_map(prompts: Prompts, layers: int, watch: Watch) -> list[list[float]] | None:
    if layers < 2 or layers > _MOST_MAPPED or len(prompts.ids) < 4:
        return None
    result = np.empty((layers, layers))
    _core.drift_layer_map(
        np.ascontiguousarray(prompts.sketches),
        len(prompts.ids),
        layers,
        prompts.sketches.shape[3],
        result,
        watch.stage("layer map"),
    )
    return result.tolist()


def _most_drifted(prompts: Prompts, width: int) -> dict[str, Any]:
    values = prompts.values("relative_drift", width)
    order = np.argsort(-np.nan_to_num(values[:, -1]), kind="stable")[:_TOP]
    return {
        "ids": [prompts.ids[place] for place in order],
        "relative_drift": values[order, :-1].tolist(),
        "overall": values[order, -1].tolist(),
    }
