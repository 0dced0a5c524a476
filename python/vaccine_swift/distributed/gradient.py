"""An adapter that all ranks hold, and its gradient, a sum over them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from vaccine_swift.distributed.collective import check_collective

if TYPE_CHECKING:
    from vaccine_swift.distributed.collective import Collective
    from vaccine_swift.engines import Vector
    from vaccine_swift.engines.base import PartialEngine

__all__ = ["SummedGradient"]


class SummedGradient:
    """The part of `DataParallelEngine` that is about the adapter's vectors.

    Parameters
    ----------
    engine : PartialEngine
        The rank's own.
    collective : Collective
        The ranks.
    """

    def __init__(self, engine: PartialEngine, collective: Collective) -> None:
        check_collective(collective)
        self._engine = engine
        self._collective = collective
        # Whether the gradient is the sum already; otherwise it is this rank's summand.
        self._is_summed = False

    def without_adapter(self) -> AbstractContextManager[None]:
        """As `Engine.without_adapter`."""
        return self._engine.without_adapter()

    @property
    def adapter(self) -> Vector:
        """As `Engine.adapter`: the same on every rank, to be changed alike on all."""
        return self._engine.adapter

    @property
    def gradient(self) -> Vector:
        """As `Engine.gradient`: of all ranks, added up when it is first looked at."""
        return self._engine.gradient_after(self.sum_gradients)

    def zeros(self) -> Vector:
        """As `Engine.zeros`."""
        return self._engine.zeros()

    @property
    def names(self) -> list[str]:
        """As `Engine.names`."""
        return self._engine.names

    @property
    def layers(self) -> int:
        """As `Engine.layers`."""
        return self._engine.layers

    def freeze(self, names: Iterable[str]) -> None:
        """As `Engine.freeze`."""
        self._engine.freeze(names)

    def zero_gradients(self) -> None:
        """As `Engine.zero_gradients`."""
        self._engine.zero_gradients()
        self._is_summed = False

    def sum_gradients(self) -> None:
        """Add the gradients of the ranks, so that each has that of all; once is enough.

        Raises
        ------
        ValueError
            When the sum is not finite.
        """
        if self._is_summed:
            return
        gradient = self._engine.gradient
        numbers = gradient.numpy()
        self._collective.allreduce(numbers)
        gradient.write(numbers)
        self._is_summed = True

    def _leave_sum(self) -> None:
        """Make the gradient a summand again: rank 0 keeps the sum, others have 0."""
        if self._is_summed and self._collective.rank != 0:
            self._engine.zero_gradients()
        self._is_summed = False
