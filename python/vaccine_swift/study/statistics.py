"""What a study's rows show and how surely: means, paired differences, corrections.

The interval of a mean is a bootstrap over seeds and acts (see
`vaccine_swift.study.resampling`); with one seed it is one over acts, and `seeds` says
so. A difference has two p-values. One is (1 + k) / (1 + B) of B sign flips over acts,
exact for the trained models as they are. Where other seeds would give other models, it
calls far too much significant; so the other is a t test with the standard error over
seeds and acts. The larger counts. Holm's correction takes in every difference returned
together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.methods import registered
from vaccine_swift.statistics import holm, student_quantile
from vaccine_swift.study.arms import NONE
from vaccine_swift.study.cells import Row, cells
from vaccine_swift.study.metrics import METRICS, study_metric
from vaccine_swift.study.resampling import DRAWS, Scores, Spread, sign_flip, spread

__all__ = ["COMPARED", "LEVEL", "POWER", "differences", "summary"]

LEVEL: Final = 0.05
POWER: Final = 0.8
COMPARED: Final = ("harmful_score", "fine_tune_accuracy", "refusal_margin")
"""Metrics that `differences` compares by default."""


def summary(
    rows: Iterable[Row],
    *,
    confidence: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """The mean over seeds of every metric of every cell.

    Parameters
    ----------
    rows : iterable of dict
        Lines of ``results.jsonl``.
    confidence : float
        Of the intervals, in (0, 1).
    draws : int
        B, at least 1.
    seed : int
        Of the draws, at least 0. The same seed gives the same numbers.

    Returns
    -------
    list of dict
        Cell by cell: the cell's fields, ``stage`` ("before" and "after" the attack,
        "change" from before to after), ``metric``, ``profile``, ``mean``, ``low``,
        ``high``, ``standard_error`` (None with one seed of one act), ``seeds``,
        ``acts`` and ``prompts`` (how many), ``seed_deviation`` (the plain standard
        deviation over seeds, None for one), ``seed_minimum`` and ``seed_maximum``.
        Values are in the metric's unit.

    Raises
    ------
    TypeError, ValueError
        For rows or arguments that do not fit.
    """
    _check(confidence, draws, seed)
    found = []
    for cell, of_seed in cells(rows).items():
        for name in METRICS:
            before = Scores.of(of_seed, "before", name)
            after = Scores.of(of_seed, "after", name)
            stages: list[tuple[str, Scores | None, Scores | None]]
            stages = [("before", before, None), ("after", after, None)]
            if before and after and before.pairs_with(after):
                stages.append(("change", after, before))
            found += [
                cell.fields()
                | {"stage": stage, "metric": name, "profile": scores.profile}
                | _estimate(
                    "mean", scores, less, spread(scores, less, confidence, draws, seed)
                )
                for stage, scores, less in stages
                if scores
            ]
    return found


def differences(
    rows: Iterable[Row],
    baseline: str = "sft",
    *,
    metrics: Sequence[str] = COMPARED,
    confidence: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Paired differences after the attack of every arm to the baseline's.

    Arms are compared where all else is equal, over the seeds and prompts that both
    have.

    Parameters
    ----------
    rows : iterable of dict
        Lines of ``results.jsonl``.
    baseline : str
        A method or a label. Where rows have no such arm, nothing is compared.
    metrics : sequence of str
        Of `METRICS`.
    confidence, draws, seed
        As in `summary`.

    Returns
    -------
    list of dict
        The cell's fields, ``baseline`` (its label), ``metric``, ``difference`` (arm
        minus baseline), ``low``, ``high``, ``standard_error``, the seeds' numbers as
        in `summary`, ``seeds_agreeing`` (how many have the sign of the difference),
        ``p_acts`` (sign flips), ``p_value`` (the larger one), ``p_holm`` over all rows
        returned, ``significant`` (`p_holm` at most 0.05), and ``detectable``: the true
        difference that about 80 % of such studies would find, at the level that the
        strictest step of Holm's correction asks for.

    Raises
    ------
    TypeError, ValueError
        For rows or arguments that do not fit.
    """
    _check(confidence, draws, seed)
    for name in metrics:
        study_metric(name)
    grid = cells(rows)
    known = {cell.method for cell in grid} | {cell.label for cell in grid}
    if baseline not in known | {NONE, *registered()}:
        raise ValueError(
            f"baseline must be one of {', '.join(sorted(known))}, got {baseline!r}."
            f"{nearest(baseline, known)}"
        )
    bases = [cell for cell in grid if baseline in (cell.method, cell.label)]
    found = []
    for cell, base in itertools.product(grid, bases):
        if cell in bases or cell.place != base.place:
            continue
        seeds = [number for number in grid[cell] if number in grid[base]]
        for name in metrics if seeds else ():
            first = Scores.of(grid[cell], "after", name)
            second = Scores.of(grid[base], "after", name)
            if not (first and second and first.pairs_with(second)):
                continue
            first, second = first.at(seeds), second.at(seeds)
            signs = np.sign(first.by_seed - second.by_seed)
            error = spread(first, second, confidence, draws, seed)
            entry = _estimate("difference", first, second, error)
            flips = sign_flip(first, second, draws, seed)
            value = entry["difference"]
            found.append(
                cell.fields()
                | {"baseline": base.label, "metric": name}
                | entry
                | {
                    "seeds_agreeing": int((signs == np.sign(value)).sum()),
                    "p_acts": flips,
                    "p_value": max(flips, error.p_value(value) if error else 1.0),
                    "freedom": error.freedom if error else None,
                }
            )
    return _corrected(found)


def _check(confidence: float, draws: int, seed: int) -> None:
    check_range("confidence", confidence, above=0.0, below=1.0)
    check_range("draws", draws, minimum=1, integer=True)
    check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)


def _estimate(
    name: str, scores: Scores, less: Scores | None, error: Spread | None
) -> dict[str, Any]:
    """Of a metric, or of what it exceeds another by; the mean is called `name`."""
    by_seed = scores.by_seed - (less.by_seed if less else 0)
    return {
        name: float(by_seed.mean()),
        "low": error.low if error else None,
        "high": error.high if error else None,
        "standard_error": error.error if error else None,
        "seeds": len(by_seed),
        "acts": len(scores.acts),
        "prompts": scores.prompts,
        "seed_deviation": float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None,
        "seed_minimum": float(by_seed.min()),
        "seed_maximum": float(by_seed.max()),
    }


def _corrected(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With Holm's correction and the smallest difference that could be found."""
    adjusted = holm([each["p_value"] for each in found])
    for each, p_holm in zip(found, adjusted.tolist(), strict=True):
        freedom = each.pop("freedom")
        each["p_holm"] = p_holm
        each["significant"] = p_holm <= LEVEL
        each["detectable"] = None
        if freedom is not None:
            quantiles = student_quantile(1 - LEVEL / len(found), freedom)
            # Of |T| ≤ t with probability 2·0.8 - 1, so T ≤ t with 0.8.
            quantiles += student_quantile(2 * POWER - 1, freedom)
            each["detectable"] = quantiles * each["standard_error"]
    return found
