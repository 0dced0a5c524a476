"""`two_sample`: two sets of embeddings that are not paired, segment by segment."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.drift.groups import row_labels
from vaccine_swift.drift.kernel_tests import energy_distance, mmd
from vaccine_swift.drift.outlying import outlying_rows
from vaccine_swift.drift.plane import common_map
from vaccine_swift.drift.rows import float64_rows, rows
from vaccine_swift.drift.two_sample_content import ALL, SCHEMA
from vaccine_swift.drift.two_sample_report import TwoSampleReport
from vaccine_swift.drift.unpaired import classifier_auc, ks
from vaccine_swift.statistics.corrections import holm

__all__ = ["TESTS", "two_sample"]

Rows = npt.NDArray[Any]
_Test = Callable[[Rows, Rows, int, Any, int], dict[str, Any]]

_FEWEST: Final = 5
"""Fewest rows of a side that are tested."""
_LARGEST: Final = 10
"""Columns that are listed, those that differ most first."""


def two_sample(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    segments: Any = None,
    tests: Sequence[str] = ("mmd", "ks"),
    groups: Any = None,
    ids: Any = None,
    permutations: int | None = None,
    level: float = 0.05,
    seed: int = 0,
    metadata: Mapping[str, Any] | None = None,
) -> TwoSampleReport:
    """Whether two sets of rows differ, all together and in each segment.

    For rows that are not pairs, such as two weeks of a service's embeddings. Of the
    same prompts through two models, `compare` or `Accumulator` see far more.

    Parameters
    ----------
    x, y : array [n, d] and [m, d]
        Reference and current rows.
    segments : (sequence of n labels, sequence of m labels), optional
        The segment of each row, such as its language.
    tests : sequence of {"mmd", "energy", "ks", "classifier"}
        `mmd`, `energy_distance`, `ks` (the smallest Holm p-value of the columns) and
        `classifier_auc`.
    groups : (sequence of n, sequence of m), optional
        The prompt of each row where a prompt has several, as in `mmd`; "ks" takes rows
        as independent and is refused with it.
    ids : sequence of m, optional
        What the current rows are called in the list of those that lie farthest from
        the reference; by default their numbers.
    permutations : int, optional
        B of every permutation test; by default 999, or as many as let the smallest
        p-value, corrected for all tests, be half of `level`.
    level : float
        A segment has moved where a p-value after Holm's correction over all segments
        and tests is at most this.
    seed : int
        Of all draws.
    metadata : mapping, optional
        Kept with the report.

    Returns
    -------
    TwoSampleReport

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.

    References
    ----------
    Gretton et al. 2012, JMLR 13 (MMD); Holm 1979 (correction).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(2, 120, 8))
    >>> language = np.repeat(["de", "en", "fr"], 40)
    >>> y[:40] += 1
    >>> two_sample(x, y, segments=(language, language)).sentence
    'de moved; no change was found in en and fr.'
    """
    first, second = rows(x, "x"), rows(y, "y")
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"y must have the {first.shape[1]} columns of x, got {second.shape[1]}"
        )
    for name, values in (("x", first), ("y", second)):
        if len(values) < _FEWEST:
            raise ValueError(
                f"{name} must have at least {_FEWEST} rows, got {len(values)}"
            )
    check_range("level", level, above=0.0, below=1.0)
    check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
    names = _checked_tests(tests, groups)
    parts = _parts(segments, len(first), len(second))
    count = _permutations(permutations, len(parts) * len(names), level)
    owners = _both("groups", groups, len(first), len(second))
    labels = _both("segments", segments, len(first), len(second))
    of_current = None if labels is None else labels[1]
    called = None if ids is None else row_labels(ids, len(second), "ids")
    entries = {}
    for name, (left, right) in parts.items():
        inside = None if owners is None else (owners[0][left], owners[1][right])
        entries[name] = _entry(first[left], second[right], names, count, inside, seed)
    _correct(entries)
    return TwoSampleReport(
        {
            "schema": SCHEMA,
            "settings": {
                "rows": [len(first), len(second)],
                "width": first.shape[1],
                "tests": list(names),
                "permutations": count,
                "level": float(level),
                "seed": int(seed),
                "version": _core.__version__,
                "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                "metadata": dict(metadata or {}),
            },
            "segments": entries,
            "columns": _columns(first, second, level) if "ks" in names else None,
            "map": common_map(first, second, parts, seed),
            "outlying": outlying_rows(first, second, of_current, called, seed),
        }
    )


def _checked_tests(tests: Sequence[str], groups: Any) -> tuple[str, ...]:
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


def _permutations(given: int | None, tests: int, level: float) -> int:
    if given is None:
        return min(max(999, math.ceil(2 * tests / level)), 2**20)
    check_range("permutations", given, minimum=1, maximum=2**20, integer=True)
    return int(given)


def _both(
    name: str, labels: Any, n: int, m: int
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.str_]] | None:
    if labels is None:
        return None
    if not isinstance(labels, tuple | list) or len(labels) != 2:
        raise TypeError(
            f"{name} must be a pair, labels of x and labels of y, "
            f"got {type(labels).__name__}"
        )
    first = row_labels(labels[0], n, f"{name}[0]")
    return first, row_labels(labels[1], m, f"{name}[1]")


def _parts(segments: Any, n: int, m: int) -> dict[str, tuple[Any, Any]]:
    """Which rows of either side belong to all and to each segment."""
    parts: dict[str, tuple[Any, Any]] = {ALL: (np.full(n, True), np.full(m, True))}
    labels = _both("segments", segments, n, m)
    if labels is not None:
        for name in sorted(set(np.concatenate(labels).tolist())):
            if name == ALL:
                raise ValueError(f"segments: the name {ALL!r} stands for all rows")
            parts[name] = (labels[0] == name, labels[1] == name)
    return parts


def _entry(
    x: Rows, y: Rows, names: Sequence[str], permutations: int, groups: Any, seed: int
) -> dict[str, Any]:
    entry: dict[str, Any] = {"reference": len(x), "current": len(y)}
    if min(len(x), len(y)) < _FEWEST:
        reason = f"fewer than {_FEWEST} rows on a side"
        if not (len(x) and len(y)):
            reason = f"only in the {'reference' if len(x) else 'current set'}"
        return entry | {"mean_shift": math.nan, "reason": reason, "tests": {}}
    tests = {name: TESTS[name](x, y, permutations, groups, seed) for name in names}
    return entry | {"mean_shift": _mean_shift(x, y), "reason": None, "tests": tests}


def _mean_shift(x: Rows, y: Rows) -> float:
    """Distance of the means without what chance adds, over the rows' spread."""
    first, second = float64_rows(x), float64_rows(y)
    spread = [float(side.var(0, ddof=1).sum()) for side in (first, second)]
    squared = float(((first.mean(0) - second.mean(0)) ** 2).sum())
    squared -= spread[0] / len(first) + spread[1] / len(second)
    total = sum(spread) / 2
    return math.sqrt(max(squared, 0.0) / total) if total > 0 else math.nan


def _correct(entries: dict[str, dict[str, Any]]) -> None:
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


def _columns(x: Rows, y: Rows, level: float) -> dict[str, Any]:
    """Columns whose distributions differ, those that differ most first."""
    found = ks(x, y)
    order = np.argsort(-found.statistics, kind="stable")[:_LARGEST]
    return {
        "count": len(found.statistics),
        "moved": int(found.rejected(level).sum()),
        "largest": [
            {
                "column": int(column),
                "statistic": float(found.statistics[column]),
                "p_holm": float(found.holm[column]),
            }
            for column in order
        ],
    }


def _permuted(test: Callable[..., Any]) -> _Test:
    def run(
        x: Rows, y: Rows, permutations: int, groups: Any, seed: int
    ) -> dict[str, Any]:
        result = test(x, y, permutations=permutations, groups=groups, seed=seed)
        names = ("statistic", "p_value", "z", "effect_size", "permutations")
        return {name: getattr(result, name) for name in names}

    return run


def _ks(x: Rows, y: Rows, permutations: int, groups: Any, seed: int) -> dict[str, Any]:
    found = ks(x, y)
    largest = float(found.statistics.max())
    return {
        "statistic": largest,
        "p_value": float(found.holm.min()),
        "z": math.nan,
        "effect_size": largest,
        "permutations": None,
    }


TESTS: Final[Mapping[str, _Test]] = {
    "mmd": _permuted(mmd),
    "energy": _permuted(energy_distance),
    "ks": _ks,
    "classifier": _permuted(classifier_auc),
}
"""The tests of `two_sample` by name."""
