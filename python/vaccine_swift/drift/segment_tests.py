"""Tests of whether two sides differ, in all rows and in each segment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.drift.classifier import classifier_auc
from vaccine_swift.drift.groups import row_labels
from vaccine_swift.drift.kernel_tests import energy_distance, mmd
from vaccine_swift.drift.means import mean_and_spread
from vaccine_swift.drift.result import TestResult
from vaccine_swift.drift.two_sample_content import ALL
from vaccine_swift.drift.unpaired import ks
from vaccine_swift.drift.watch import Progress
from vaccine_swift.statistics.corrections import holm

__all__ = [
    "FEWEST",
    "TESTS",
    "all_equal",
    "both_labels",
    "checked_tests",
    "correct",
    "parts_of",
    "permutations_for",
    "tested",
]

Rows = npt.NDArray[Any]
_Test = Callable[[Rows, Rows, int, Any, int, Progress], dict[str, Any]]

FEWEST: Final = 5
"""Fewest rows of a side that are tested."""


def checked_tests(tests: Sequence[str], groups: Any) -> tuple[str, ...]:
    """The names of tests, each once.

    Raises
    ------
    TypeError, ValueError
        For a single str, no name, an unknown one, or "ks" with groups.
    """
    if isinstance(tests, str):
        raise TypeError(f"tests must be a sequence of names, got the str {tests!r}")
    names = tuple(dict.fromkeys(tests))
    if not names:
        raise ValueError(f"tests must name one of {', '.join(TESTS)}, got none")
    for name in names:
        if name not in TESTS:
            hint = nearest(str(name), TESTS)
            raise ValueError(
                f"tests must be among {', '.join(TESTS)}, got {name!r}.{hint}"
            )
    if groups is not None and "ks" in names:
        raise ValueError(
            "tests: 'ks' takes rows as independent, groups says they are not"
        )
    return names


def permutations_for(given: int | None, tests: int, level: float) -> int:
    """As many as are given, or as let the least corrected p-value be half of `level`.

    Raises
    ------
    TypeError, ValueError
        When what is given is no number of permutations.
    """
    if given is None:
        return min(max(999, math.ceil(2 * tests / level)), 2**20)
    check_range("permutations", given, minimum=1, maximum=2**20, integer=True)
    return int(given)


def both_labels(
    name: str, labels: Any, n: int, m: int
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.str_]] | None:
    """A label for each row of both sides.

    Raises
    ------
    TypeError, ValueError
        When it is no pair, or labels are missing; names the argument.
    """
    if labels is None:
        return None
    if not isinstance(labels, tuple | list) or len(labels) != 2:
        raise TypeError(
            f"{name} must be a pair, labels of x and labels of y, "
            f"got {type(labels).__name__}"
        )
    first = row_labels(labels[0], n, f"{name}[0]")
    return first, row_labels(labels[1], m, f"{name}[1]")


def parts_of(segments: Any, n: int, m: int) -> dict[str, tuple[Any, Any]]:
    """Which rows of either side belong to all and to each segment."""
    parts: dict[str, tuple[Any, Any]] = {ALL: (np.full(n, True), np.full(m, True))}
    labels = both_labels("segments", segments, n, m)
    if labels is not None:
        for name in sorted(set(np.concatenate(labels).tolist())):
            if name == ALL:
                raise ValueError(f"segments: the name {ALL!r} stands for all rows")
            parts[name] = (labels[0] == name, labels[1] == name)
    return parts


def tested(
    x: Rows,
    y: Rows,
    names: Sequence[str],
    permutations: int,
    groups: Any,
    seed: int,
    progress_of: Callable[[str], Progress],
) -> dict[str, Any]:
    """Sizes, shift and tests of one part, or why there are none.

    `progress_of` begins a stage for each test.
    """
    entry: dict[str, Any] = {"reference": len(x), "current": len(y)}
    if min(len(x), len(y)) < FEWEST:
        reason = f"fewer than {FEWEST} rows on a side"
        if not (len(x) and len(y)):
            reason = f"only in the {'reference' if len(x) else 'current set'}"
        return entry | {"mean_shift": math.nan, "reason": reason, "tests": {}}
    tests = {
        name: TESTS[name](x, y, permutations, groups, seed, progress_of(name))
        for name in names
    }
    return entry | {"mean_shift": _mean_shift(x, y), "reason": None, "tests": tests}


def all_equal(x: Rows, y: Rows) -> bool:
    """Whether there is but one point on both sides."""
    return bool((x == x[0]).all() and (y == x[0]).all())


def _mean_shift(x: Rows, y: Rows) -> float:
    """Distance of the means without what chance adds, over the rows' spread."""
    means, spread = zip(*map(mean_and_spread, (x, y)), strict=True)
    squared = float(((means[0] - means[1]) ** 2).sum())
    squared -= spread[0] / len(x) + spread[1] / len(y)
    total = sum(spread) / 2
    return math.sqrt(max(squared, 0.0) / total) if total > 0 else math.nan


def correct(entries: dict[str, dict[str, Any]]) -> None:
    """Add Holm's p-values over all segments and tests."""
    every = [test for entry in entries.values() for test in entry["tests"].values()]
    known = [test for test in every if math.isfinite(test["p_value"])]
    for test in every:
        test["p_holm"] = math.nan
    corrected = holm([test["p_value"] for test in known])
    for test, value in zip(known, corrected.tolist(), strict=True):
        test["p_holm"] = value
    for entry in entries.values():
        values = [test["p_holm"] for test in entry["tests"].values()]
        finite = [value for value in values if math.isfinite(value)]
        entry["p_value"] = min(finite, default=math.nan)


def _mmd_of_sets(x: Rows, y: Rows, **settings: Any) -> TestResult:
    """`mmd`; of sets all of whose rows are equal too, which do not differ."""
    bandwidth = 1.0 if all_equal(x, y) else "median"
    return mmd(x, y, bandwidth=bandwidth, **settings)


def _permuted(test: Callable[..., Any]) -> _Test:
    def run(
        x: Rows,
        y: Rows,
        permutations: int,
        groups: Any,
        seed: int,
        progress: Progress,
    ) -> dict[str, Any]:
        result = test(
            x,
            y,
            permutations=permutations,
            groups=groups,
            seed=seed,
            progress=progress,
        )
        names = ("statistic", "p_value", "z", "effect_size", "permutations")
        return {name: getattr(result, name) for name in names}

    return run


def _ks(
    x: Rows, y: Rows, permutations: int, groups: Any, seed: int, progress: Progress
) -> dict[str, Any]:
    found = ks(x, y, progress=progress)
    largest = float(found.statistics.max())
    return {
        "statistic": largest,
        "p_value": float(found.holm.min()),
        "z": math.nan,
        "effect_size": largest,
        "permutations": None,
    }


TESTS: Final[Mapping[str, _Test]] = {
    "mmd": _permuted(_mmd_of_sets),
    "energy": _permuted(energy_distance),
    "ks": _ks,
    "classifier": _permuted(classifier_auc),
}
"""The tests of `two_sample` by name."""
