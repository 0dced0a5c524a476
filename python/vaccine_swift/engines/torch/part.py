"""Some neighbouring sequences of a packed batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift._plurals import counted

__all__ = ["Part"]


@dataclass(frozen=True, eq=False)
class Part:
    """Which tokens of a batch are taken, and the borders of their sequences.

    Parameters
    ----------
    tokens : slice
        Of the packed batch.
    offsets : ndarray, int64 [sequences + 1]
        From 0.
    """

    tokens: slice
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, offsets: npt.NDArray[Any], first: int, count: int) -> Part:
        """Sequences `first` … of a batch; a count of 0 takes all.

        Raises
        ------
        ValueError
            When the batch has no such sequences.
        """
        borders = np.asarray(offsets).astype(np.int64)
        if count == 0:
            return cls(slice(None), borders)
        if not 0 <= first <= first + count < len(borders):
            raise ValueError(
                f"first_sequence and sequence_count must lie within the batch's "
                f"{counted(len(borders) - 1, 'sequence')}, got {first} and {count}"
            )
        chosen = borders[first : first + count + 1]
        return cls(slice(int(chosen[0]), int(chosen[-1])), chosen - chosen[0])

    def taken(
        self, input_ids: npt.NDArray[Any], labels: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """The tokens and labels of these sequences."""
        return np.asarray(input_ids)[self.tokens], np.asarray(labels)[self.tokens]

    def of_tokens(self, values: npt.NDArray[Any] | None) -> npt.NDArray[Any] | None:
        """What is one for each token."""
        return None if values is None else np.asarray(values)[self.tokens]
