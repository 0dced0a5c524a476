"""Which sequences of a batch are whose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vaccine_swift.batches import Batch
    from vaccine_swift.distributed.collective import Collective

__all__ = ["Part", "borders"]


def borders(batch: Batch, size: int) -> npt.NDArray[np.int64]:
    """Where the part of each rank begins, in sequences, and where the last one ends.

    Neighbouring sequences stay together; parts have tokens as equal as that allows.

    Returns
    -------
    ndarray, int64 [size + 1]
        From 0 to B, not falling.

    Examples
    --------
    >>> import vaccine_swift as vs
    >>> rows = [vs.Example(range(n), range(n)) for n in (9, 2, 3, 4)]
    >>> borders(vs.Batch.pack(rows), 2).tolist()
    [0, 1, 4]
    """
    ends = batch.offsets.astype(np.float64)
    wanted = np.arange(size + 1) * (ends[-1] / size)
    after = np.searchsorted(ends, wanted)
    before = np.maximum(after - 1, 0)
    after = np.minimum(after, ends.size - 1)
    is_nearer = wanted - ends[before] <= ends[after] - wanted
    return np.where(is_nearer, before, after).astype(np.int64)


@dataclass(frozen=True)
class Part:
    """What a rank has of a batch."""

    sequences: range
    tokens: slice
    supervised: slice
    share: float
    """Of the batch's supervised tokens."""
    is_supervised: bool
    """Whether the batch has any."""

    @classmethod
    def of(cls, batch: Batch, collective: Collective) -> Part:
        """The part of this rank."""
        rank, places = collective.rank, borders(batch, collective.size)
        first, last = (int(place) for place in places[rank : rank + 2])
        supervised = batch.supervised_offsets
        count = int(supervised[last] - supervised[first])
        return cls(
            sequences=range(first, last),
            tokens=slice(int(batch.offsets[first]), int(batch.offsets[last])),
            supervised=slice(int(supervised[first]), int(supervised[last])),
            share=count / max(1, int(supervised[-1])),
            is_supervised=bool(supervised[-1]),
        )
