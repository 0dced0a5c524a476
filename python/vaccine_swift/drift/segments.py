"""`two_sample`: two sets of embeddings that are not paired, segment by segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range
from vaccine_swift.drift.clusters import cluster_shares
from vaccine_swift.drift.groups import row_labels
from vaccine_swift.drift.outlying import outlying_rows
from vaccine_swift.drift.plane import common_map
from vaccine_swift.drift.provenance import provenance
from vaccine_swift.drift.rows import two_sets
from vaccine_swift.drift.segment_tests import (
    FEWEST,
    Rows,
    both_labels,
    checked_tests,
    correct,
    parts_of,
    permutations_for,
    tested,
)
from vaccine_swift.drift.two_sample_content import SCHEMA
from vaccine_swift.drift.two_sample_report import TwoSampleReport
from vaccine_swift.drift.unpaired import ks
from vaccine_swift.drift.watch import Progress, Watch

__all__ = ["two_sample"]

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
    progress: Progress = False,
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
        What the current rows are called in the lists of those that lie farthest from
        the reference, and nearest the middle of a cluster; by default their numbers.
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
    progress : bool or callable
        True: a bar on standard error where that is a terminal. A callable gets the
        stage, such as "mmd of de", the share of it that is done, and 1.0.

    Returns
    -------
    TwoSampleReport

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.
    KeyboardInterrupt
        Within a second.

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
    first, second = two_sets(x, y, fewest=FEWEST)
    check_range("level", level, above=0.0, below=1.0)
    check_range("seed", seed, minimum=0, maximum=2**64 - 1, integer=True)
    names = checked_tests(tests, groups)
    parts = parts_of(segments, len(first), len(second))
    count = permutations_for(permutations, len(parts) * len(names), level)
    owners = both_labels("groups", groups, len(first), len(second))
    labels = both_labels("segments", segments, len(first), len(second))
    of_current = None if labels is None else labels[1]
    called = None if ids is None else row_labels(ids, len(second), "ids")
    with Watch(progress) as watch:
        entries = {}
        for name, (left, right) in parts.items():
            inside = None if owners is None else (owners[0][left], owners[1][right])
            entries[name] = tested(
                _chosen(first, left),
                _chosen(second, right),
                names,
                count,
                inside,
                seed,
                partial(_inside, watch, name),
            )
        columns = _columns(first, second, level, watch) if "ks" in names else None
        outlying = outlying_rows(first, second, of_current, called, seed, watch)
        clusters = cluster_shares(
            first,
            second,
            of_current,
            called,
            level,
            seed,
            watch,
            independent=owners is None,
        )
    correct(entries)
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
                **provenance(metadata),
            },
            "segments": entries,
            "columns": columns,
            "map": common_map(first, second, parts, seed),
            "outlying": outlying,
            "clusters": clusters,
        }
    )


def _chosen(values: Rows, mask: npt.NDArray[np.bool_]) -> Rows:
    """Some rows; all of them without a copy."""
    return values if mask.all() else values[mask]


def _inside(watch: Watch, segment: str, test: str) -> Progress:
    return watch.inside(f"{test} of {segment}")


def _columns(x: Rows, y: Rows, level: float, watch: Watch) -> dict[str, Any]:
    """Columns whose distributions differ, those that differ most first."""
    found = ks(x, y, progress=watch.inside("columns"))
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
