"""Clusters of which the current set has more or fewer rows than the reference."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.drift.rows import float64_rows
from vaccine_swift.drift.watch import Watch
from vaccine_swift.statistics import fisher_p_value, holm

__all__ = ["cluster_shares"]

_CLUSTERS: Final = 8
_FEWEST: Final = 20
"""Fewest rows for each cluster."""
_FITTED: Final = 4000
_ROUNDS: Final = 50
_BLOCK: Final = 2000
_NEAREST: Final = 3

Array = npt.NDArray[np.float64]


def cluster_shares(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    segments: npt.NDArray[np.str_] | None,
    ids: npt.NDArray[np.str_] | None,
    level: float,
    seed: int,
    watch: Watch,
    *,
    independent: bool,
) -> dict[str, Any] | None:
    """How many rows of either side are in each cluster, the largest change first.

    Clusters are those of k-means with eight centres, of both sides together, at most
    4000 rows drawn by `seed`: which rows are the current ones has no part in it, so
    that Fisher's exact test of each cluster is valid where rows are `independent`.

    Parameters
    ----------
    x, y : array [n, d] and [m, d]
    segments, ids : array [m], optional
        Of the current rows.
    level : float
        At which a corrected p-value counts.

    Returns
    -------
    dict or None
        None of fewer than 40 rows, or of rows that are all equal.
    """
    total = len(x) + len(y)
    count = min(_CLUSTERS, total // _FEWEST)
    if count < 2:
        return None
    rng = np.random.default_rng([seed, 1])
    chosen = np.sort(rng.choice(total, min(_FITTED, total), replace=False))
    first = chosen < len(x)
    fitted = np.concatenate(
        [float64_rows(x[chosen[first]]), float64_rows(y[chosen[~first] - len(x)])]
    )
    middle = fitted.mean(0)
    centres = _centres(fitted - middle, count, rng)
    if len(centres) < 2:
        return None
    (of_x, _), (of_y, far) = (
        _assigned(side, middle, centres, watch, f"clusters of {name}")
        for name, side in (("x", x), ("y", y))
    )
    sizes = [np.bincount(each, minlength=len(centres)) for each in (of_x, of_y)]
    entries = [
        {
            "reference": int(sizes[0][k]),
            "current": int(sizes[1][k]),
            "change": float(sizes[1][k] / len(y) - sizes[0][k] / len(x)),
            **_described(np.flatnonzero(of_y == k), far, segments, ids),
        }
        for k in range(len(centres))
    ]
    _test(entries, (len(x), len(y)), independent=independent)
    entries.sort(key=lambda each: -abs(each["change"]))
    changed = [
        each["p_holm"] is not None and each["p_holm"] <= level for each in entries
    ]
    return {"fitted": len(fitted), "changed": sum(changed), "clusters": entries}


def _test(
    entries: list[dict[str, Any]], sizes: tuple[int, int], *, independent: bool
) -> None:
    """Add p-values, which dependent rows have none of."""
    for entry in entries:
        marked = entry["reference"], entry["current"]
        entry["p_value"] = fisher_p_value(marked, sizes) if independent else None
        entry["p_holm"] = None
    if independent:
        corrected = holm([entry["p_value"] for entry in entries]).tolist()
        for entry, value in zip(entries, corrected, strict=True):
            entry["p_holm"] = value


def _described(
    members: npt.NDArray[np.int64],
    far: Array,
    segments: npt.NDArray[np.str_] | None,
    ids: npt.NDArray[np.str_] | None,
) -> dict[str, Any]:
    """What a cluster's current rows are: those nearest its centre, and a segment."""
    nearest = members[np.argsort(far[members], kind="stable")[:_NEAREST]]
    names = [str(row) if ids is None else str(ids[row]) for row in nearest.tolist()]
    entry: dict[str, Any] = {"nearest": names, "segment": None, "share": None}
    if segments is not None and len(members):
        found, counts = np.unique(segments[members], return_counts=True)
        largest = int(counts.argmax())
        entry["segment"] = str(found[largest])
        entry["share"] = float(counts[largest] / len(members))
    return entry


def _centres(rows: Array, count: int, rng: np.random.Generator) -> Array:
    """Lloyd's k-means from the seeds of k-means++, fewer where rows are equal."""
    centres = rows[rng.integers(len(rows))][None]
    squares = _squares(rows, centres)[:, 0]
    tiny = 1e-12 * max(float((rows**2).sum(1).max()), np.finfo(np.float64).tiny)
    while len(centres) < count and squares.max() > tiny:
        place = np.searchsorted(np.cumsum(squares), rng.random() * squares.sum())
        chosen = rows[min(int(place), len(rows) - 1)][None]
        centres = np.concatenate([centres, chosen])
        squares = np.minimum(squares, _squares(rows, chosen)[:, 0])
    owner = np.full(len(rows), -1)
    for _ in range(_ROUNDS):
        nearest = _squares(rows, centres).argmin(1)
        if np.array_equal(nearest, owner):
            break
        owner = nearest
        for k in np.unique(owner):
            centres[k] = rows[owner == k].mean(0)
    return centres[np.unique(owner)]


def _assigned(
    side: npt.NDArray[Any], middle: Array, centres: Array, watch: Watch, stage: str
) -> tuple[npt.NDArray[np.int64], Array]:
    """The cluster of each row, and its squared distance to the centre."""
    owners, distances = [], []
    for start in watch.over(stage, range(0, len(side), _BLOCK)):
        squares = _squares(float64_rows(side[start : start + _BLOCK]) - middle, centres)
        owners.append(squares.argmin(1))
        distances.append(squares.min(1))
    return np.concatenate(owners), np.concatenate(distances)


def _squares(rows: Array, centres: Array) -> Array:
    """Squared distances [N, k]."""
    products = rows @ centres.T
    found: Array = (rows**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * products
    return found.clip(0)
