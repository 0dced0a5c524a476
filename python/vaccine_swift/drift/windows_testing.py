"""The tests of one window: against the reference, and of its exchangeability."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift.drift.kernel_tests import mmd
from vaccine_swift.drift.segment_tests import FEWEST, all_equal, correct, tested
from vaccine_swift.drift.two_sample_content import ALL
from vaccine_swift.drift.watch import Progress, Watch
from vaccine_swift.drift.windows_state import Part, WindowsState
from vaccine_swift.files.plain_json import plain

__all__ = ["next_state"]

_SHARE: int = 4
"""The pool takes at most this part of `most_rows` of a window."""


def next_state(state: WindowsState, watch: Watch) -> WindowsState:
    """The state once the window that has waited longest is tested and in the pool.

    The rank of its statistic among permutations of pool and window is uniform given
    which rows both have together and what comes later, if reference and windows are
    exchangeable: so ranks of different windows are independent. What is kept of both
    for the next window must not depend on which rows were the window's.
    """
    name, whole = next(iter(state.waiting.items()))
    step = len(state.tested)
    rng = np.random.default_rng([state.seed, step])
    window = whole.sample(state.most_rows, rng)
    seeds = rng.integers(0, 2**63, (len(state.lines), 2)).tolist()
    entries: dict[str, dict[str, Any]] = {}
    for line, (seed, _) in zip(state.lines, seeds, strict=True):
        where = f"{line} in {name}"
        entries[line] = _against_reference(state, window, line, seed, watch, where)
    correct(entries)
    added = window.sample(max(FEWEST, state.most_rows // _SHARE), rng)
    for line, (_, seed) in zip(state.lines, seeds, strict=True):
        told = watch.inside(f"evidence of {line} in {name}")
        entries[line]["rank"] = _rank(state, added, line, seed, told)
    found = {
        "name": name,
        "rows": len(whole),
        "fingerprint": whole.fingerprint(),
        "lines": entries,
        "new": _new(state, whole),
    }
    pool = (state.pool + added).sample(state.most_rows, rng)
    return dataclasses.replace(
        state,
        pool=pool,
        waiting={key: part for key, part in state.waiting.items() if key != name},
        tested=[*state.tested, plain(found)],
    )


def _against_reference(
    state: WindowsState,
    window: Part,
    line: str,
    seed: int,
    watch: Watch,
    where: str,
) -> dict[str, Any]:
    x, y = state.reference.rows, window.rows
    x, y = x[_inside(state.reference, line)], y[_inside(window, line)]
    if min(len(x), len(y)) >= FEWEST and all_equal(x, y):
        return _untested(x, y, "all rows are equal: their median distance is 0")
    try:
        return tested(
            x,
            y,
            state.tests,
            state.permutations,
            None,
            seed,
            lambda test: watch.inside(f"{test} of {where}"),
        )
    except ValueError as error:
        return _untested(x, y, str(error))


def _untested(x: npt.NDArray[Any], y: npt.NDArray[Any], reason: str) -> dict[str, Any]:
    return {
        "reference": len(x),
        "current": len(y),
        "mean_shift": None,
        "reason": reason,
        "tests": {},
    }


def _rank(
    state: WindowsState, window: Part, line: str, seed: int, progress: Progress
) -> list[int] | None:
    """Rank of the line's MMD, 1 the largest, and the number of ranks."""
    x, y = state.pool.rows, window.rows
    x, y = x[_inside(state.pool, line)], y[_inside(window, line)]
    if min(len(x), len(y)) < FEWEST:
        return None
    try:
        result = mmd(
            x, y, permutations=state.permutations, seed=seed, progress=progress
        )
    except ValueError:  # all squared distances are 0, or one overflows
        return None
    count = result.permutations + 1
    return [round((result.p_value or 1.0) * count), count]


def _inside(part: Part, line: str) -> npt.NDArray[np.bool_]:
    if line == ALL or part.labels is None:
        return np.ones(len(part), np.bool_)
    inside: npt.NDArray[np.bool_] = part.labels == line
    return inside


def _new(state: WindowsState, window: Part) -> dict[str, int]:
    """Rows of segments that have no line, by segment."""
    if window.labels is None:
        return {}
    names, counts = np.unique(window.labels, return_counts=True)
    return {
        name: count
        for name, count in zip(names.tolist(), counts.tolist(), strict=True)
        if name not in state.lines
    }
