"""The actors of a Ray collective group."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["RayCollective"]


class RayCollective:
    """`Collective` over a gloo group of ``ray.util.collective``, inside its actors.

    Parameters
    ----------
    group : str
        The name under which the actor has called
        ``ray.util.collective.init_collective_group``.

    Raises
    ------
    ImportError
        When Ray or torch is not installed.
    RuntimeError
        When the actor is in no group of the name.

    Examples
    --------
    >>> from vaccine_swift.distributed.ray import RayCollective
    >>> collective = RayCollective("training")  # doctest: +SKIP
    """

    def __init__(self, group: str = "default") -> None:
        try:
            import torch
            from ray.util import collective
        except ImportError as error:
            raise ImportError(
                f"Ray's collectives need Ray and torch, pip install "
                f"'vaccine-swift[ray]': {error}"
            ) from error
        self._torch, self._collective, self._group = torch, collective, group
        if not collective.is_group_initialized(group):
            raise RuntimeError(
                f"group: this process is in no collective group {group!r}, call "
                f"ray.util.collective.init_collective_group first"
            )

    @property
    def rank(self) -> int:
        """The number of this actor in the group, from 0."""
        return int(self._collective.get_rank(self._group))

    @property
    def size(self) -> int:
        """R, the number of actors."""
        return int(self._collective.get_collective_group_size(self._group))

    def allreduce(self, array: npt.NDArray[Any]) -> None:
        """Replace a contiguous array by its sum over all ranks."""
        tensor = self._torch.from_numpy(array)
        self._collective.allreduce(tensor, group_name=self._group)

    def barrier(self) -> None:
        """Wait until every rank is here."""
        self.allreduce(np.zeros(1, np.int64))
