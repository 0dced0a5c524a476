"""The tests of a report, each layer by itself and all layers together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import nearest
from vaccine_swift._plurals import counted
from vaccine_swift.drift.result import TestResult, permutation_p_value
from vaccine_swift.drift.watch import Watch

if TYPE_CHECKING:
    from vaccine_swift.drift.prompts import Prompts

__all__ = ["TESTS", "run_tests"]

TESTS: Final = ("signflip", "max_t", "contrast")
"""What pairs are tested by."""
_REST: Final = "rest"


def run_tests(
    prompts: Prompts,
    width: int,
    tests: Sequence[str] | None,
    contrast: tuple[str, str] | None,
    draws: int,
    confidence: float,
    seed: int,
    watch: Watch,
) -> dict[str, Any]:
    """Results by name, as plain dicts.

    Raises
    ------
    ValueError
        For an unknown test or group.
    """
    if tests is None:
        comparable = contrast is not None or 1 <= len(prompts.groups) <= 2
        tests = TESTS if comparable else TESTS[:2]
    if isinstance(tests, str):
        raise TypeError(f"tests must be a sequence of names, got the str {tests!r}")
    for name in tests:
        if name not in TESTS:
            hint = nearest(str(name), TESTS)
            raise ValueError(
                f"tests must be among {', '.join(TESTS)}, got {name!r}.{hint}"
            )
    results: dict[str, Any] = {}
    if {"signflip", "max_t"} & set(tests):
        norms = _sign_flip_norms(prompts, draws, seed, watch)
        if "signflip" in tests:
            results["signflip"] = _signflip(prompts, norms)
        if "max_t" in tests:
            results["max_t"] = _max_t(norms)
    if "contrast" in tests:
        results["contrast"] = _contrast(
            prompts, width, contrast, draws, confidence, seed, watch
        )
    return results


def _sign_flip_norms(
    prompts: Prompts, draws: int, seed: int, watch: Watch
) -> npt.NDArray[np.float64]:
    """Norms of the mean drift, [B + 1, L + 1]; the first row is the observed one."""
    _, layers, _, directions = prompts.sketches.shape
    norms = np.empty((draws + 1, layers + 1))
    deltas = np.ascontiguousarray(prompts.sketches[:, :, 1])
    _core.drift_sign_flips(
        deltas,
        prompts.keys,
        layers,
        directions,
        draws,
        seed,
        norms,
        watch.stage("sign flips"),
    )
    return norms


def _signflip(prompts: Prompts, norms: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Test the mean of the prompts' mean drift against that under random signs.

    The effect size is that mean's norm over the root mean square norm: 1 if all
    prompts move alike, about 1/√P if they move at random.
    """
    squares = (prompts.sketches[:, :, 1].astype(np.float64) ** 2).sum(2)
    squares = np.concatenate([squares, squares.sum(1, keepdims=True)], 1)
    scale = np.sqrt(squares.mean(0))
    with np.errstate(divide="ignore", invalid="ignore"):
        effects = norms[0] / scale
    each = [
        TestResult.of(norms[0, column], norms[1:, column], effect_size=effects[column])
        for column in range(norms.shape[1])
    ]
    return _with_layers(each[-1], each[:-1], _adjusted(_studentised(norms[:, :-1])))


def _max_t(norms: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Test whether any layer drifts: the largest studentised mean over layers."""
    studentised = _studentised(norms[:, :-1])
    largest = studentised.max(1)
    layer = None if math.isnan(largest[0]) else int(studentised[0].argmax())
    result = TestResult.of(largest[0], largest[1:], effect_size=largest[0], layer=layer)
    return result.to_dict()


def _contrast(
    prompts: Prompts,
    width: int,
    contrast: tuple[str, str] | None,
    draws: int,
    confidence: float,
    seed: int,
    watch: Watch,
) -> dict[str, Any]:
    """Test whether relative drift is larger on one group of prompts than on another.

    The statistic is the logarithm of the ratio of the group means of the prompts'
    relative drift, the effect size the ratio.
    """
    names, chosen, first = _contrasted(prompts, contrast)
    values = prompts.values("relative_drift", width)[chosen]
    measures = values.shape[1]
    statistics = np.full((draws + 1, measures), math.nan)
    bounds = np.full((measures, 2), math.nan)
    usable = 0 < first.sum() < len(first) and np.isfinite(values).all()
    if usable and (values > 0).any(0).all():
        _core.drift_contrast(
            np.ascontiguousarray(values),
            first.astype(np.uint8),
            prompts.keys[chosen],
            measures,
            draws,
            confidence,
            seed,
            statistics,
            bounds,
            watch.stage("contrast"),
        )
    each = [
        TestResult.of(
            statistics[0, column],
            statistics[1:, column],
            effect_size=math.exp(statistics[0, column]),
            groups=names,
            prompts=[int(first.sum()), int((~first).sum())],
            ratio={
                "value": math.exp(statistics[0, column]),
                "low": bounds[column, 0],
                "high": bounds[column, 1],
            },
        )
        for column in range(measures)
    ]
    return _with_layers(
        each[-1], each[:-1], _adjusted(_studentised(statistics[:, :-1]))
    )


def _contrasted(
    prompts: Prompts, contrast: tuple[str, str] | None
) -> tuple[list[str], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Names, which prompts take part, and which of these are of the first group."""
    if contrast is None:
        names = list(prompts.groups)
        if not 1 <= len(names) <= 2:
            raise ValueError(
                "contrast must name two groups where there are not one or two, "
                f"got {counted(len(names), 'group')}"
            )
        names = names if len(names) == 2 else [*names, _REST]
    else:
        names = [str(name) for name in contrast]
        if len(names) != 2 or names[0] == names[1]:
            raise ValueError(f"contrast must name two groups, got {contrast!r}")
    masks = []
    for name, other in zip(names, reversed(names), strict=True):
        if name in prompts.groups:
            masks.append(prompts.groups[name])
        elif name == _REST and other in prompts.groups:
            masks.append(~prompts.groups[other])
        else:
            hint = nearest(name, prompts.groups)
            raise ValueError(f"contrast: there is no group {name!r}.{hint}")
    if (masks[0] & masks[1]).any():
        raise ValueError(f"contrast: a prompt is in both {names[0]!r} and {names[1]!r}")
    chosen = masks[0] | masks[1]
    return names, chosen, masks[0][chosen]


def _studentised(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each column less its null mean, over its null standard deviation."""
    if len(values) < 2:
        return np.full_like(values, math.nan)
    mean, std = values[1:].mean(0), values[1:].std(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (values - mean) / std


def _adjusted(studentised: npt.NDArray[np.float64]) -> list[float | None]:
    """Single-step max-T p-values of the columns (Westfall & Young 1993)."""
    largest = studentised[1:].max(1, initial=-math.inf)
    return [permutation_p_value(value, largest) for value in studentised[0].tolist()]


def _with_layers(
    overall: TestResult, layers: list[TestResult], adjusted: list[float | None]
) -> dict[str, Any]:
    kept = ("statistic", "p_value", "z", "effect_size")
    entries = [
        {name: getattr(layer, name) for name in kept} | {"p_adjusted": p}
        for layer, p in zip(layers, adjusted, strict=True)
    ]
    return overall.to_dict() | {"layers": entries}
