"""What training asks of the processes that it runs on: sums, and nothing else."""

from __future__ import annotations

from typing import Any, Protocol

import numpy.typing as npt

__all__ = ["Alone", "Collective", "check_collective"]


class Collective(Protocol):
    """The processes of a job, its ranks, and a way to add up their arrays.

    An adapter over one's own means of communication needs these four. All ranks call
    `allreduce` and `barrier` in the same order, with arrays of the same shape and
    dtype. The sum must be the same bits on every rank. An adapter may have
    ``abort(error)`` as well, which ends the other ranks when this one fails alone.
    """

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""

    @property
    def size(self) -> int:
        """R, the number of processes."""

    def allreduce(self, array: npt.NDArray[Any]) -> None:
        """Replace a contiguous array by its sum over all ranks.

        Parameters
        ----------
        array : ndarray, float32, float64, int64 or uint8
            Changed in place.

        Raises
        ------
        RuntimeError, OSError
            When a rank has ended.
        """

    def barrier(self) -> None:
        """Wait until every rank is here."""


class Alone:
    """One process."""

    rank = 0
    size = 1

    def allreduce(self, array: npt.NDArray[Any]) -> None:
        """Leave the array as it is."""

    def barrier(self) -> None:
        """Go on."""


def check_collective(value: object) -> None:
    """Refuse what lacks a part of `Collective`; TypeError names what."""
    parts = ("rank", "size", "allreduce", "barrier")
    if lacking := [part for part in parts if not hasattr(value, part)]:
        raise TypeError(
            "collective must have rank, size, allreduce and barrier, "
            f"{type(value).__name__} lacks {', '.join(lacking)}"
        )
