"""An accumulator's state as a report's content: metrics, tests, floor."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.drift._distribution import distributions
from vaccine_swift.drift._report_schema import SCHEMA
from vaccine_swift.drift._tests import run_tests
from vaccine_swift.drift.metrics import (
    PAIRED_METRICS,
    TABLE_METRICS,
    VECTOR_METRICS,
    estimates,
)
from vaccine_swift.statistics import student_quantile

if TYPE_CHECKING:
    from vaccine_swift.drift._state import State

__all__ = ["Prompts", "report_content"]

_FLOORS: Final = {"float16": 2.1e-4, "bfloat16": 1.7e-3}
_SPECTRUM: Final = 64
_MOST_MAPPED: Final = 64
_TOP: Final = 100


@dataclass(frozen=True)
class Prompts:
    """All prompts, sorted by key: table [P, L, sums], sketches [P, L, 2, r]."""

    ids: list[str | int]
    keys: npt.NDArray[np.uint64]
    table: npt.NDArray[np.float64]
    sketches: npt.NDArray[np.float32]
    groups: dict[str, npt.NDArray[np.bool_]]

    @classmethod
    def of(cls, state: State) -> Prompts:
        keys = state.all_keys
        order = np.argsort(keys, kind="stable")
        return cls(
            [state.ids[place] for place in order],
            keys[order],
            np.concatenate(state.table)[order],
            np.concatenate(state.sketches)[order],
            {name: mask[order] for name, mask in state.groups.items()},
        )

    def chosen(self, mask: npt.NDArray[np.bool_]) -> Prompts:
        """The prompts where the mask is true."""
        places = np.flatnonzero(mask)
        return Prompts(
            [self.ids[place] for place in places],
            self.keys[mask],
            self.table[mask],
            self.sketches[mask],
            {},
        )

    @property
    def relative_drift(self) -> npt.NDArray[np.float64]:
        """Of every prompt in each layer and, last, over all layers; [P, L + 1]."""
        sums = np.concatenate(
            [self.table[:, :, 1:3], self.table[:, :, 1:3].sum(1, keepdims=True)], 1
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.sqrt(sums[:, :, 0] / sums[:, :, 1])


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
) -> dict[str, Any]:
    """The dict of schema ``vaccine_swift.drift/1``."""
    check_range("permutations", permutations, minimum=0, maximum=2**20, integer=True)
    check_range("confidence", confidence, above=0.0, below=1.0)
    check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
    if not state.ids:
        raise RuntimeError("nothing was added yet; call update first")
    prompts = Prompts.of(state)
    draws = _Draws(int(permutations), float(confidence), int(seed))
    layers, overall = _table_metrics(prompts, state.width, draws)
    spectra = _add_moment_metrics(layers, state, confidence, intervals=intervals)
    for layer, norm in zip(layers, state.booster.tolist(), strict=True):
        layer["hed_booster_code"] = _plain(norm)
    overall["hed_booster_code"] = _plain(float(state.booster.sum()))
    return {
        "schema": SCHEMA,
        "settings": {
            "width": state.width,
            "layers": state.layers,
            "tier": state.tier,
            "seed": state.seed,
            "directions": state.directions,
            "sketch": state.sketch,
            "folds": state.folds,
            "rows": state.rows,
            "prompts": len(prompts.ids),
            "permutations": int(permutations),
            "confidence": float(confidence),
            "report_seed": int(seed),
            "groups": {name: int(mask.sum()) for name, mask in prompts.groups.items()},
            "version": _core.__version__,
            "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "metadata": dict(metadata),
        },
        "layers": layers,
        "overall": overall,
        "groups": {
            name: _group(prompts.chosen(mask), state.width, draws)
            for name, mask in prompts.groups.items()
        },
        "tests": run_tests(prompts, tests, contrast, draws.count, confidence, seed),
        "floor": _floor(floor, layers),
        "spectra": spectra,
        "cka_map": _layer_map(prompts, state.layers),
        "prompts": _most_drifted(prompts),
        "distribution": distributions(prompts),
    }


@dataclass(frozen=True)
class _Draws:
    count: int
    confidence: float
    seed: int


def _plain(value: float) -> dict[str, Any]:
    """A value without an interval: it depends on how rows were batched."""
    return {"value": value, "low": math.nan, "high": math.nan}


def _table_metrics(
    prompts: Prompts, width: int, draws: _Draws
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
    )
    told = [estimates(TABLE_METRICS, each) for each in values]
    return told[:-1], told[-1]


def _group(prompts: Prompts, width: int, draws: _Draws) -> dict[str, Any]:
    if not prompts.ids:
        return {"prompts": 0, "overall": {}, "layers": []}
    layers, overall = _table_metrics(prompts, width, draws)
    return {"prompts": len(prompts.ids), "overall": overall, "layers": layers}


def _add_moment_metrics(
    layers: list[dict[str, Any]], state: State, confidence: float, *, intervals: bool
) -> list[dict[str, list[float]]] | None:
    """Adds vector and second-moment metrics to every layer; returns spectra."""
    used = int((state.vector[0, :, 0] > 0).sum())
    t = student_quantile(confidence, used - 1) if used > 1 else math.nan
    vector = np.empty((len(VECTOR_METRICS), 4))
    for layer, states in zip(layers, state.vector, strict=True):
        _core.drift_vector_metrics(states, state.folds, state.width, t, vector)
        layer |= estimates(VECTOR_METRICS, vector)
    width = state.moment_width
    if not width:
        return None
    names = (*PAIRED_METRICS, *(f"energy_{name}" for name in state.energy))
    directions = np.concatenate(
        [np.zeros(0), *(rows.ravel() for rows in state.energy.values())]
    )
    counts = np.array([len(rows) for rows in state.energy.values()], np.int64)
    values = np.empty((len(names), 4))
    spectra: list[dict[str, list[float]]] = []
    for layer, states in zip(layers, state.paired, strict=True):
        pair = np.zeros((2, min(_SPECTRUM, width)))
        _core.drift_paired_metrics(
            states,
            state.folds,
            width,
            t,
            intervals,
            directions,
            counts,
            values,
            pair.reshape(-1),
        )
        told = estimates(names, values)
        # A projection keeps inner products in the mean only; the mean shift of the
        # whole width is known exactly.
        if state.tier == "sketch":
            told = {name: each for name, each in told.items() if name not in layer}
        layer |= told
        spectra.append({"reference": pair[0].tolist(), "current": pair[1].tolist()})
    return spectra


def _layer_map(prompts: Prompts, layers: int) -> list[list[float]] | None:
    if layers < 2 or layers > _MOST_MAPPED or len(prompts.ids) < 4:
        return None
    result = np.empty((layers, layers))
    _core.drift_layer_map(
        np.ascontiguousarray(prompts.sketches),
        len(prompts.ids),
        layers,
        prompts.sketches.shape[3],
        result,
    )
    return result.tolist()


def _most_drifted(prompts: Prompts) -> dict[str, Any]:
    values = prompts.relative_drift
    order = np.argsort(-np.nan_to_num(values[:, -1]), kind="stable")[:_TOP]
    return {
        "ids": [prompts.ids[place] for place in order],
        "relative_drift": values[order, :-1].tolist(),
        "overall": values[order, -1].tolist(),
    }


def _floor(floor: Any, layers: list[dict[str, Any]]) -> dict[str, Any] | None:
    if floor is None:
        return None
    if isinstance(floor, str):
        if floor not in _FLOORS:
            hint = nearest(floor, _FLOORS)
            raise ValueError(
                f"floor must be one of {', '.join(_FLOORS)}, a number or a repeat run, "
                f"got {floor!r}.{hint}"
            )
        source, values = floor, [_FLOORS[floor]] * len(layers)
    elif isinstance(floor, int | float | np.number):
        check_range("floor", floor, minimum=0.0)
        source, values = f"{float(floor):g}", [float(floor)] * len(layers)
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
    from vaccine_swift.drift.accumulator import Accumulator
    from vaccine_swift.drift.report import Report

    if isinstance(floor, Accumulator):
        floor = floor.report(tests=[], permutations=0)
    if not isinstance(floor, Report):
        raise TypeError(
            "floor must be a dtype's name, a number, an Accumulator or a Report, "
            f"got {type(floor).__name__}"
        )
    values = [layer["relative_drift"]["value"] for layer in floor.to_dict()["layers"]]
    if len(values) != layers:
        raise ValueError(f"floor must have {layers} layers, got {len(values)}")
    return values
