"""Scores of a cell by seed and act, and the draws that say how sure their mean is.

Prompts of one act are alike, and one training run serves all prompts; so the units are
the act and the seed, never the prompt. A draw takes seeds and acts with replacement,
each one fewer than there are, as `unit_weights` says. Acts and seeds are drawn
independently, as Owen's pigeonhole bootstrap does (2007, doi:10.1214/07-AOAS122).

The draws give the standard error; the interval is Student's t times it, with Welch and
Satterthwaite's degrees of freedom of the two sources of variance. The draws' quantiles
would be steps of a handful of seeds, and could not show that the seeds' own spread is
hardly known. A perplexity's interval is that of its logarithm.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._plurals import counted
from vaccine_swift.drift.ids import keys_of
from vaccine_swift.statistics import (
    clopper_pearson_limit,
    student_quantile,
    student_share,
    unit_weights,
    welch_freedom,
)
from vaccine_swift.study.cells import Row
from vaccine_swift.study.metrics import StudyMetric, study_metric

__all__ = ["DRAWS", "Scores", "Spread", "sign_flip", "spread"]

DRAWS: Final = 4999
"""B, of the bootstrap and of the sign flips."""
_WIDEST: Final = 10.0
"""The factor up to which the delta method's interval of a logarithm is taken."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """A metric of one cell.

    Parameters
    ----------
    metric : StudyMetric
    seeds : tuple of int
    acts : tuple of str
    sums : array, shape [S, A]
        Sum of the units of each seed and act, each times its weight.
    weights : array, shape [A]
        What the sums are divided by: how many prompts an act has, and of a ratio their
        sizes.
    counts : array, shape [A]
        How many prompts an act has, each times its weight.
    profile : str
        Of the evaluation.
    prompts : int
        How many units each seed has.
    """

    metric: StudyMetric
    seeds: tuple[int, ...]
    acts: tuple[str, ...]
    sums: Array
    weights: Array
    counts: Array
    profile: str
    prompts: int

    @classmethod
    def of(cls, rows: Mapping[int, Row], stage: str, name: str) -> Scores | None:
        """The scores of a cell's rows, or None where a row has no such metric.

        Raises
        ------
        ValueError
            When seeds differ in their prompts, or a value is not what the units give.
        """
        metric = study_metric(name)
        tables = []
        for seed, row in rows.items():
            entry = (row["metrics"].get(stage) or {}).get(name)
            if not entry or not entry.get("units"):
                return None
            tables.append(_table(entry, f"{stage} {name} of seed {seed}", metric))
        first = tables[0]
        for seed, table in zip(rows, tables, strict=True):
            if table.acts != first.acts or not np.array_equal(
                table.counts, first.counts
            ):
                raise ValueError(
                    f"{stage} {name} must have the same unit_ids for all seeds, but "
                    f"seed {seed} differs from seed {next(iter(rows))}"
                )
        sized = all(table.sizes is not None for table in tables)
        return cls(
            metric,
            tuple(rows),
            first.acts,
            np.array([table.sums for table in tables]),
            first.sizes if sized and first.sizes is not None else first.counts,
            first.counts,
            first.profile,
            first.prompts,
        )

    def at(self, seeds: Sequence[int]) -> Scores:
        """The same of some seeds."""
        chosen = self.sums[[self.seeds.index(seed) for seed in seeds]]
        return dataclasses.replace(self, seeds=tuple(seeds), sums=chosen)

    def pairs_with(self, other: Scores) -> bool:
        """Whether both have the same prompts."""
        return self.acts == other.acts and np.array_equal(self.counts, other.counts)

    @property
    def by_seed(self) -> Array:
        """The value of each seed, [S]."""
        values: Array = self.metric.of_mean(self.sums.sum(1) / self.weights.sum())
        return values

    def draws(self, draws: int, seed: int, *, of_seeds: bool = True) -> Array:
        """The mean over seeds in each bootstrap draw, [B].

        Equal numbers of seeds and of acts get equal draws, so that the difference of
        two cells' draws is the paired one. Without `of_seeds`, acts alone are drawn.
        """
        acts = unit_weights(len(self.acts), draws, seed, 1)
        if of_seeds:
            seeds = unit_weights(len(self.seeds), draws, seed, 0)
        else:
            seeds = np.ones((1, len(self.seeds)))
        total = acts @ self.weights
        values = np.zeros(draws)
        for share, sums in zip(seeds.T, self.sums, strict=True):
            values += share * self.metric.of_mean((acts @ sums) / total)
        return values / seeds.sum(1)


@dataclass(frozen=True, slots=True)
class Spread:
    """How sure a mean is.

    Parameters
    ----------
    low, high : float
        Ends of the interval.
    error : float
        Standard error.
    freedom : int
        Degrees of freedom of the error.
    """

    low: float
    high: float
    error: float
    freedom: int

    def p_value(self, value: float) -> float:
        """Of the two-sided t test that the mean, `value`, is truly zero."""
        if self.error == 0:
            return 1.0 if value == 0 else 0.0
        return 1 - student_share(abs(value) / self.error, self.freedom)


def spread(
    scores: Scores, less: Scores | None, confidence: float, draws: int, seed: int
) -> Spread | None:
    """The spread of a mean or of a paired difference; None without a second unit."""
    seeds, acts = len(scores.seeds), len(scores.acts)
    if max(seeds, acts) == 1:
        return None
    by_seed = scores.by_seed - (less.by_seed if less else 0)
    drawn = scores.draws(draws, seed) - (less.draws(draws, seed) if less else 0)
    alone = scores.draws(draws, seed, of_seeds=False)
    alone -= less.draws(draws, seed, of_seeds=False) if less else 0
    sources = [(by_seed.var(ddof=1) / seeds, seeds - 1)] if seeds > 1 else []
    sources += [(alone.var(), acts - 1)] if acts > 1 else []
    freedom = welch_freedom(sources)
    error, mean = float(drawn.std()), float(by_seed.mean())
    half = student_quantile(confidence, freedom) * error
    low, high = mean - half, mean + half
    if scores.metric.kind == "exponential" and not less:
        low, high = _positive_ends(mean, half, drawn, confidence)
    if scores.metric.kind == "percent":
        low, high = max(low, -100.0 if less else 0.0), min(high, 100.0)
        if error == 0 and not less and mean in (0.0, 100.0):
            # Of acts of which none or all did it.
            missed = 100 * clopper_pearson_limit(acts, confidence=confidence)
            low, high = (0.0, missed) if mean == 0 else (100 - missed, 100.0)
    return Spread(low, high, error, freedom)


def sign_flip(first: Scores, second: Scores, draws: int, seed: int) -> float:
    """Two-sided p-value of no direction over acts in the seed-averaged difference.

    Under the null hypothesis an act's difference is as likely as its opposite. The
    trained models are taken as given: it says nothing of other seeds.
    """
    # Sums, not means: counts are whole numbers, whose ties float32 keeps exactly.
    deltas = (first.sums - second.sums).sum(0).astype(np.float32)[:, None]
    norms = np.empty((draws + 1, 2))
    keys = keys_of(first.acts)
    _core.drift_sign_flips(np.ascontiguousarray(deltas), keys, 1, 1, draws, seed, norms)
    norms *= len(first.acts) / (first.weights.sum() * len(first.seeds))
    return (1 + int((norms[1:, 0] >= norms[0, 0]).sum())) / (1 + draws)


def _positive_ends(
    mean: float, half: float, drawn: Array, confidence: float
) -> tuple[float, float]:
    """Ends for an exponential of something positive, at least 1.

    Of the logarithm, by the delta method. An error too large for it, as of two texts or
    seeds that have little in common, leaves the quantiles of the draws.
    """
    if half > mean * math.log(_WIDEST):
        low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
        return float(low), float(high)
    factor = math.exp(half / mean)
    return max(1.0, mean / factor), mean * factor


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """A row's units by act: weighted sums, weights, and sizes times weights."""

    acts: tuple[str, ...]
    sums: Array
    counts: Array
    sizes: Array | None
    profile: str
    prompts: int


def _table(entry: Mapping[str, Any], where: str, metric: StudyMetric) -> _Table:
    for needed in ("value", "unit_ids"):
        if needed not in entry:
            raise ValueError(f"{where} must have {needed!r} beside its units")
    units = np.asarray(entry["units"], np.float64)
    weights = np.asarray(entry.get("weights") or np.ones(len(units)), np.float64)
    names = [str(each) for each in entry["unit_ids"]]
    if not len(units) == len(names) == len(weights):
        raise ValueError(
            f"{where} must have a unit_id and a weight for each unit, got "
            f"{counted(len(units), 'unit')}, {counted(len(names), 'unit_id')}, "
            f"{counted(len(weights), 'weight')}"
        )
    acts, owner = np.unique(names, return_inverse=True)
    sums = np.bincount(owner, units * weights).astype(np.float64)
    counts = np.bincount(owner, weights).astype(np.float64)
    sizes: Array | None = None
    if entry.get("sizes") is not None:
        each = np.asarray(entry["sizes"], np.float64)
        sizes = np.bincount(owner, each * weights).astype(np.float64)
    value = float(
        metric.of_mean(sums.sum() / (counts if sizes is None else sizes).sum())
    )
    if not math.isclose(value, entry["value"], rel_tol=1e-6, abs_tol=1e-6):
        raise ValueError(
            f"{where} must have the value that its units give, {value:.6g}, "
            f"got {entry['value']:.6g}"
        )
    return _Table(
        tuple(map(str, acts)),
        sums,
        counts,
        sizes,
        str(entry.get("profile", "")),
        len(units),
    )
