"""`PairedRows`: rows of the same prompts in two spaces, whatever their widths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range
from vaccine_swift._plurals import counted
from vaccine_swift.drift.ids import checked_ids
from vaccine_swift.drift.metrics import METRICS
from vaccine_swift.drift.neighbours import knn_overlap, recall_at_k
from vaccine_swift.drift.provenance import provenance
from vaccine_swift.drift.report import Report
from vaccine_swift.drift.report_schema import SCHEMA
from vaccine_swift.drift.rows import NOT_PAIRS, rows
from vaccine_swift.drift.second_moments import FREE_OF_BASIS, similarities
from vaccine_swift.drift.vectors import plain_array
from vaccine_swift.drift.watch import Progress, Watch
from vaccine_swift.drift.widths import readable

__all__ = ["PairedRows"]

_NEIGHBOURS: Final = {"knn_overlap": knn_overlap, "recall_at_k": recall_at_k}


class PairedRows:
    """Rows of the same prompts through two models whose states differ in width.

    Where a model was swapped for another one, there is no difference of states to
    measure. What needs nothing but equal rows still can be: CKA, canonical
    correlations (the mean over as many as the narrower side has columns), Procrustes
    (the narrower side with columns of 0 added), and whether rows keep their neighbours.
    Of equal widths, `Accumulator` sees far more.

    Parameters
    ----------
    reference : array [N, dx] or [L, N, dx], or sequence of L arrays [N, dx]
    current : array [N, dy] or [L, N, dy], or sequence of L arrays [N, dy]
        Row i of both is the same prompt. Layers are compared one by one; those of a
        sequence may differ in width.
    ids : sequence of N str or int, optional
        The prompt of each row, for intervals over prompts; by default each row is a
        prompt of its own.
    metadata : mapping, optional
        Kept with the report.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(3, 60, 4))
    >>> turned = x @ np.linalg.qr(rng.normal(size=(6, 6)))[0][:4]
    >>> turned[2] = rng.normal(size=(60, 6))
    >>> report = PairedRows(x, turned).report()
    >>> layer, value = report.first_layer_below(0.9)
    >>> layer
    2
    """

    def __init__(
        self,
        reference: Any,
        current: Any,
        *,
        ids: Iterable[str | int] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self._sides = _layers(reference, "reference"), _layers(current, "current")
        first, second = self._sides
        if len(first) != len(second):
            raise ValueError(
                f"current must have the {counted(len(first), 'layer')} of reference, "
                f"got {len(second)}"
            )
        count = len(first[0])
        for name, side in zip(("reference", "current"), self._sides, strict=True):
            for layer, part in enumerate(side):
                if len(part) != count:
                    where = f" in layer {layer}" if layer else ""
                    raise ValueError(
                        f"{name} must have {counted(count, 'row')}, those of layer 0 "
                        f"of reference, got {len(part)}{where}; {NOT_PAIRS}"
                    )
        self._ids = list(range(count)) if ids is None else checked_ids(ids, count)
        self.metadata: dict[str, Any] = dict(metadata or {})

    @property
    def widths(self) -> list[tuple[int, int]]:
        """Columns of both sides, layer by layer."""
        first, second = self._sides
        pairs = zip(first, second, strict=True)
        return [(x.shape[1], y.shape[1]) for x, y in pairs]

    def report(
        self,
        *,
        k: int = 10,
        confidence: float = 0.95,
        metadata: Mapping[str, Any] | None = None,
        progress: Progress = False,
    ) -> Report:
        """The metrics that need equal rows only, with intervals over prompts.

        Parameters
        ----------
        k : int
            Of ``knn_overlap`` and ``recall_at_k``; one less than the rows if these are
            fewer.
        confidence : float
            Of the intervals, in (0, 1).
        metadata : mapping, optional
            Added to its own.
        progress : bool or callable
            True: a bar on standard error where that is a terminal. A callable gets
            what is computed, such as "moments of layer 3", its share that is done,
            and 1.0.

        Returns
        -------
        Report
            Of its layers, and with ``to_dict()["left_out"]``: the metrics that are not
            here, and why.

        Raises
        ------
        TypeError, ValueError
            For arguments out of range, elements that are not finite, or fewer than
            two rows.
        """
        check_range("k", k, minimum=1, integer=True)
        check_range("confidence", confidence, above=0.0, below=1.0)
        count = len(self._ids)
        if count < 2:
            raise ValueError(f"reference must have at least 2 rows, got {count}")
        k = min(int(k), count - 1)
        with Watch(progress) as watch:
            layers: list[dict[str, Any]] = []
            for x, y in zip(*self._sides, strict=True):
                if len(self.widths) > 1:
                    watch.where = f" of layer {len(layers)}"
                layers.append(self._layer(x, y, k, confidence, watch))
        return Report(
            {
                "schema": SCHEMA,
                "settings": {
                    "width": [max(side) for side in zip(*self.widths, strict=True)],
                    "widths": [list(pair) for pair in self.widths],
                    "layers": len(layers),
                    "rows": count,
                    "prompts": len(set(self._ids)),
                    "k": k,
                    "confidence": float(confidence),
                    "groups": {},
                    **provenance({**self.metadata, **(metadata or {})}),
                },
                "layers": layers,
                "overall": {},
                "groups": {},
                "tests": {},
                "floor": None,
                "spectra": None,
                "cka_map": None,
                "prompts": {"ids": [], "relative_drift": [], "overall": []},
                "left_out": self._left_out(),
            }
        )

    def _layer(
        self,
        x: npt.NDArray[Any],
        y: npt.NDArray[Any],
        k: int,
        confidence: float,
        watch: Watch,
    ) -> dict[str, Any]:
        found = similarities(x, y, FREE_OF_BASIS, self._ids, confidence, watch)
        for name, function in _NEIGHBOURS.items():
            found[name] = function(
                x,
                y,
                k=k,
                ids=self._ids,
                confidence=confidence,
                progress=watch.inside(name),
            )
        entries: dict[str, dict[str, Any]] = {}
        for name, value in found.items():
            low, high = value.interval
            entries[name] = {"value": float(value), "low": low, "high": high}
            if value.reason and math.isnan(value):
                entries[name]["reason"] = value.reason
        return entries

    def _left_out(self) -> dict[str, str]:
        """Metrics that ask for states in one basis, and why they are not here."""
        differ = [pair for pair in self.widths if pair[0] != pair[1]]
        reason = "only what needs equal rows is measured here: use Accumulator"
        if differ:
            x, y = differ[0]
            reason = f"the states of both sides have {x} and {y} columns, and no basis "
            reason += "in common"
        return {each.name: reason for each in METRICS if each.name not in FREE_OF_BASIS}

    def __repr__(self) -> str:
        widths = sorted(set(self.widths))
        told = ", ".join(f"{x} and {y}" for x, y in widths[:3])
        return (
            f"PairedRows({counted(len(self.widths), 'layer')} of width {told}, "
            f"{counted(len(self._ids), 'row', form=',')})"
        )


def _layers(value: Any, name: str) -> list[npt.NDArray[Any]]:
    """Each layer [N, d] of an array, or of a sequence of arrays."""
    layers = isinstance(value, list | tuple) and not any(map(np.isscalar, value))
    if not layers or (value and np.ndim(value[0]) == 1):
        array = plain_array(value, name)
        if array.ndim != 3:
            return [readable(rows(array, name))]
        value = list(array)
    if not value:
        raise ValueError(f"{name} must have at least one layer, got none")
    return [readable(rows(each, f"{name}[{k}]")) for k, each in enumerate(value)]
