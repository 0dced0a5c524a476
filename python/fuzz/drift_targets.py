"""Calls of the drift functions with arguments that fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fuzz.draw import Draw
from vaccine_swift import _core

__all__ = ["DRIFT"]

METRICS = _core.drift_metrics()
TABLE, VECTOR, PAIRED = ([m for m in METRICS if m[place]] for place in (6, 7, 8))


def _rows(draw: Draw, rows: int | None = None, width: int | None = None) -> Any:
    shape = (rows or draw.few(1, 9), width or draw.few(1, 6))
    dtype = draw.choice(["float32", "float64", "float16", "uint16"])
    values = draw.floats(shape, "float32")
    if dtype == "uint16":
        return (values.view(np.uint32) >> 16).astype(np.uint16)
    with np.errstate(all="ignore"):
        return values.astype(dtype)


def _pair(draw: Draw) -> tuple[Any, Any]:
    x = _rows(draw)
    return x, _rows(draw, *x.shape)


def _keys(draw: Draw, count: int) -> np.ndarray:
    return draw.numbers().integers(0, 2**64, count, np.uint64)


def _states(draw: Draw, folds: int, width: int, *, paired: bool) -> np.ndarray:
    """States that the core made, sometimes changed."""
    counts = _core.drift_state_counts(width)
    states = np.zeros((folds, counts[1] if paired else counts[0]))
    x, y = _rows(draw, 12, width), _rows(draw, 12, width)
    keys = _keys(draw, 12)
    try:
        if paired:
            _core.drift_paired(x, y, keys, folds, 0, 0, states)
        else:
            order = np.arange(12)
            sums = np.zeros((12, counts[2]))
            sketches = np.zeros((12, 16), np.float32)
            starts = np.arange(13)
            _core.drift_table(
                x, y, order, starts, keys, 8, folds, 0, sums, sketches, states
            )
    except ValueError:
        pass
    for _ in range(draw.few(0, 3)):
        flat = states.reshape(-1)
        place = draw.choice([0, 1, 2, draw.randrange(flat.size)]) % flat.size
        pool = [np.nan, np.inf, -1.0, 0.5, 1e300, 2.0**53, 2.0**63, 2.0**64, 3.0]
        flat[place] = draw.choice(pool)
    return states


def _table(draw: Draw) -> list[Any]:
    x, y = _pair(draw)
    rows, width = x.shape
    prompts, folds = draw.few(1, rows), draw.few(1, 4)
    cuts = sorted(draw.sample(range(1, rows), prompts - 1))
    vector, _, sums = _core.drift_state_counts(width)
    directions = draw.choice([8, 16])
    order = np.array(draw.sample(range(rows), rows))
    return [
        *(x, y, order, np.array([0, *cuts, rows]), _keys(draw, prompts)),
        *(directions, folds, draw.few(0, 9), np.zeros((prompts, sums))),
        np.zeros((prompts, 2, directions), np.float32),
        np.zeros((folds, vector)),
    ]


def _paired(draw: Draw) -> list[Any]:
    x, y = _pair(draw)
    sketch, folds = draw.choice([0, 1, 8]), draw.few(1, 4)
    count = _core.drift_state_counts(sketch or x.shape[1])[1]
    keys = _keys(draw, len(x))
    return [x, y, keys, folds, sketch, draw.few(0, 9), np.zeros((folds, count))]


def _row_metrics(draw: Draw) -> list[Any]:
    chosen = draw.sample(TABLE, draw.few(0, len(TABLE)))
    numbers = np.array([METRICS.index(m) for m in chosen], np.int64)
    return [*_pair(draw), numbers, np.zeros(len(chosen))]


def _unpaired(draw: Draw) -> list[Any]:
    x = _rows(draw)
    y = draw.choice([None, _rows(draw, None, x.shape[1])])
    return [x, y, np.zeros(_core.drift_state_counts(x.shape[1])[1])]


def _span(draw: Draw) -> list[Any]:
    x = _rows(draw)
    y = draw.choice([None, _rows(draw, None, x.shape[1])])
    count = len(x) + (0 if y is None else len(y))
    return [x, y, np.zeros((count, count))]


def _merge(draw: Draw, *, paired: bool) -> list[Any]:
    count, width = draw.few(0, 3), draw.few(1, 5)
    a, b = (
        _states(draw, max(count, 1), width, paired=paired)[:count] for _ in range(2)
    )
    return [np.ascontiguousarray(a), np.ascontiguousarray(b), count, width]


def _folds(draw: Draw, *, paired: bool) -> list[Any]:
    folds, width = draw.few(1, 4), draw.few(1, 5)
    return [_states(draw, folds, width, paired=paired), folds, width]


def _sums(draw: Draw, prompts: int, layers: int) -> np.ndarray:
    return draw.floats((prompts, layers, _core.drift_state_counts(1)[2]), "float64")


def _table_metrics(draw: Draw) -> list[Any]:
    prompts, layers = draw.few(0, 9), draw.few(1, 3)
    return [
        *(_sums(draw, prompts, layers), _keys(draw, prompts), layers, draw.few(1, 9)),
        *(draw.choice([0, 9]), draw.choice([0.5, 0.95]), draw.few(0, 9)),
        np.zeros((layers + 1, len(TABLE), 4)),
    ]


def _prompt_metric(draw: Draw) -> list[Any]:
    prompts, layers = draw.few(0, 9), draw.few(1, 3)
    metric = METRICS.index(draw.choice(TABLE))
    return [
        *(_sums(draw, prompts, layers), prompts, layers, draw.few(1, 9), metric),
        np.zeros((prompts, layers + 1)),
    ]


def _vector_metrics(draw: Draw) -> list[Any]:
    folds, width = draw.few(1, 4), draw.few(1, 5)
    states = _states(draw, folds, width, paired=False)
    return [states, folds, width, 1.9, np.zeros((len(VECTOR), 4))]


def _paired_metrics(draw: Draw) -> list[Any]:
    folds, width = draw.few(1, 4), draw.few(1, 5)
    chosen = draw.sample(PAIRED, draw.few(0, len(PAIRED)))
    sets = [draw.few(0, 2) for _ in range(draw.few(0, 2))]
    return [
        *(_states(draw, folds, width, paired=True), folds, width),
        np.array([METRICS.index(m) for m in chosen], np.int64),
        *(draw.choice([1.9, 0.0]), draw.choice([True, False])),
        *(draw.floats((sum(sets), width), "float64"), np.array(sets, np.int64)),
        *(np.zeros((len(chosen) + len(sets), 4)), np.zeros((2, draw.few(0, width)))),
    ]


def _sign_flips(draw: Draw) -> list[Any]:
    prompts, layers, directions, draws = (draw.few(n, 9) for n in (0, 1, 1, 0))
    return [
        *(draw.floats((prompts, layers, directions)), _keys(draw, prompts)),
        *(layers, directions, draws, draw.few(0, 9), np.zeros((draws + 1, layers + 1))),
    ]


def _contrast(draw: Draw) -> list[Any]:
    prompts, measures, draws = draw.few(0, 9), draw.few(1, 3), draw.few(0, 9)
    return [
        draw.floats((prompts, measures), "float64"),
        draw.numbers().integers(0, 2, prompts, np.uint8),
        *(_keys(draw, prompts), measures, draws, 0.9, draw.few(0, 9)),
        *(np.zeros((draws + 1, measures)), np.zeros((measures, 2))),
    ]


def _layer_map(draw: Draw) -> list[Any]:
    prompts, layers, directions = draw.few(0, 9), draw.few(1, 4), draw.few(1, 9)
    sketches = draw.floats((prompts, layers, 2, directions))
    return [sketches, prompts, layers, directions, np.zeros((layers, layers))]


def _two_sample(draw: Draw) -> list[Any]:
    x, y = _pair(draw)
    if draw.once_in(2):
        y = _rows(draw, None, x.shape[1])
    rows, draws, kernels = len(x) + len(y), draw.few(0, 9), draw.few(0, 2)
    return [
        *(x, y, draw.numbers().integers(0, max(rows // 2, 1), rows), draw.few(0, 2)),
        *(draw.floats(kernels, "float64"), draws, draw.choice([True, False])),
        *(len(x) == len(y) and draw.once_in(2), draw.few(0, 9)),
        draw.choice([0, 1, 1000, 2**40]),
        *(np.zeros((max(kernels, 1), draws + 1)), np.zeros((max(kernels, 1), 3))),
        np.zeros(kernels),
    ]


def _kolmogorov_smirnov(draw: Draw) -> list[Any]:
    x = _rows(draw)
    width = x.shape[1]
    return [x, _rows(draw, None, width), np.zeros(width), np.zeros(width)]


def _sliced_wasserstein(draw: Draw) -> list[Any]:
    x, count = _rows(draw), draw.few(1, 9)
    y = _rows(draw, None, x.shape[1])
    return [x, y, count, draw.few(1, 2), draw.few(0, 9), np.zeros(count)]


def _neighbour_overlap(draw: Draw) -> list[Any]:
    x = _rows(draw, draw.few(2, 9))
    return [x, _rows(draw, *x.shape), draw.few(1, len(x) - 1), np.zeros(len(x))]


def _classifier_scores(draw: Draw) -> list[Any]:
    x = _rows(draw)
    y = _rows(draw, None, x.shape[1])
    rows, folds = len(x) + len(y), draw.few(2, 4)
    return [x, y, draw.numbers().integers(0, folds, rows), folds, np.zeros(rows)]


DRIFT: dict[str, Callable[[Draw], list[Any]]] = {
    "drift_state_counts": lambda draw: [draw.few(1, 99)],
    "drift_table": _table,
    "drift_paired": _paired,
    "drift_unpaired": _unpaired,
    "drift_span": _span,
    "drift_row_metrics": _row_metrics,
    "drift_merge_vector": lambda draw: _merge(draw, paired=False),
    "drift_merge_paired": lambda draw: _merge(draw, paired=True),
    "drift_vector_folds": lambda draw: _folds(draw, paired=False),
    "drift_paired_folds": lambda draw: _folds(draw, paired=True),
    "drift_table_metrics": _table_metrics,
    "drift_prompt_metric": _prompt_metric,
    "drift_vector_metrics": _vector_metrics,
    "drift_paired_metrics": _paired_metrics,
    "drift_sign_flips": _sign_flips,
    "drift_contrast": _contrast,
    "drift_layer_map": _layer_map,
    "drift_two_sample": _two_sample,
    "drift_kolmogorov_smirnov": _kolmogorov_smirnov,
    "drift_sliced_wasserstein": _sliced_wasserstein,
    "drift_neighbour_overlap": _neighbour_overlap,
    "drift_classifier_scores": _classifier_scores,
}
