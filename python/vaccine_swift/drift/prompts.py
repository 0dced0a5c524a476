"""The prompts of an accumulator, in the order that makes draws belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift.drift.metrics import numbers_of

if TYPE_CHECKING:
    from vaccine_swift.drift.state import State

__all__ = ["Prompts"]


@dataclass(frozen=True)
class Prompts:
    """All prompts, sorted by key: table [P, L, sums], sketches [P, L, 2, r]."""

    ids: list[str | int]
    keys: npt.NDArray[np.uint64]
    table: npt.NDArray[np.float64]
    sketches: npt.NDArray[np.float32]
    groups: dict[str, npt.NDArray[np.bool_]]

    @classmethod
    def of(cls, state: State) -> Prompts:
        """Those of a state, in the order of their keys."""
        keys = state.all_keys
        order = np.argsort(keys, kind="stable")
        return cls(
            [state.ids[place] for place in order],
            keys[order],
            np.concatenate(state.table)[order],
            np.concatenate(state.sketches)[order],
            {name: mask[order] for name, mask in state.groups.items()},
        )

    def chosen(self, mask: npt.NDArray[np.bool_]) -> Prompts:
        """The prompts where the mask is true."""
        places = np.flatnonzero(mask)
        return Prompts(
            [self.ids[place] for place in places],
            self.keys[mask],
            self.table[mask],
            self.sketches[mask],
            {},
        )

    def values(self, metric: str, width: int) -> npt.NDArray[np.float64]:
        """A metric of tables for every prompt in each layer and, last, over all layers.

        Parameters
        ----------
        metric : str
            One of `TABLE_METRICS`.
        width : int
            Columns of a row.

        Returns
        -------
        array [P, L + 1]
            NaN where it is not defined.
        """
        prompts, layers, _ = self.table.shape
        values = np.empty((prompts, layers + 1))
        number = int(numbers_of([metric])[0])
        table = np.ascontiguousarray(self.table)
        _core.drift_prompt_metric(table, prompts, layers, width, number, values)
        return values
