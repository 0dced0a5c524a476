"""The processes of a run: who computes what, who writes, and what all must agree on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._plurals import counted
from vaccine_swift.distributed import Alone, Collective, DataParallelEngine
from vaccine_swift.distributed.collective import check_collective
from vaccine_swift.distributed.exchange import (
    any_rank,
    broadcast,
    check_agreement,
    ending_together,
    from_first,
    together,
)
from vaccine_swift.distributed.parts import borders
from vaccine_swift.distributed.scopes import RhoScope, check_rho_scope
from vaccine_swift.files.locks import Lock, exclusive
from vaccine_swift.training.state import TrainerControl

if TYPE_CHECKING:
    from vaccine_swift.batches import Batch
    from vaccine_swift.engines import Engine
    from vaccine_swift.models import CausalLM
    from vaccine_swift.training.optimiser import Optimiser

__all__ = ["Ranks", "digest"]

_SWITCHES: Final = tuple(each.name for each in fields(TrainerControl))


class Ranks:
    """The ranks of a run as its loop sees them; one process where there is no job.

    Parameters
    ----------
    collective : Collective, optional
        The ranks.
    model : CausalLM
        Of this rank.
    rho_scope : {"batch", "rank"}
        As in `DataParallelEngine`.

    Raises
    ------
    TypeError
        When `collective` is none.
    ValueError
        When `rho_scope` is another word, or several ranks have torch's engine.
    """

    def __init__(
        self,
        collective: Collective | None,
        model: CausalLM,
        rho_scope: RhoScope,
    ) -> None:
        check_rho_scope(rho_scope)
        self.collective: Collective = Alone() if collective is None else collective
        check_collective(self.collective)
        self.rho_scope = rho_scope
        self._parallel: DataParallelEngine | None = None
        if self.size > 1:
            if not isinstance(model.core, _core.Model):
                raise ValueError(
                    "collective must be left out with the torch engine, which runs in "
                    f"one process, got {counted(self.size, 'rank')}"
                )
            self._parallel = DataParallelEngine(
                model.engine, self.collective, rho_scope=rho_scope
            )
        self._model = model

    @property
    def size(self) -> int:
        """R, the number of ranks."""
        return self.collective.size

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which writes and tells."""
        return self.collective.rank == 0

    @property
    def engine(self) -> Engine:
        """What the method of a step works with."""
        return self._model.engine if self._parallel is None else self._parallel

    @property
    def identity(self) -> dict[str, Any]:
        """What a resumed run may not change."""
        if self._parallel is None or self.rho_scope == "batch":
            return {}
        return {"rho_scope": self.rho_scope, "ranks": self.size}

    def ending_together(self) -> AbstractContextManager[None]:
        """End the other ranks when this one fails alone."""
        return ending_together(self.collective)

    def together(self) -> AbstractContextManager[None]:
        """Let an error in the block be an error of every rank."""
        return together(self.collective)

    @contextmanager
    def exclusive(self, directory: Path, purpose: str) -> Iterator[Lock | None]:
        """Hold a directory's `Lock` on rank 0 while the block runs on all."""
        with ExitStack() as stack:
            lock = None
            with self.together():
                if self.is_first:
                    lock = stack.enter_context(exclusive(directory, purpose))
            yield lock

    def check(self, facts: Mapping[str, object]) -> None:
        """Refuse ranks with other versions, settings, files or weights."""
        own = {name: fact for name, fact in facts.items() if name not in self.identity}
        check_agreement(self.collective, {**own, "rho_scope": self.rho_scope})

    def name_of_first(self, name: str) -> str:
        """The ASCII text of rank 0, of the same length on all ranks."""
        letters = np.frombuffer(name.encode("ascii"), np.uint8).copy()
        broadcast(self.collective, letters)
        return letters.tobytes().decode("ascii")

    def agree(self, control: TrainerControl) -> None:
        """Set the switches that any rank has set."""
        if self.size > 1:
            own = [bool(getattr(control, name)) for name in _SWITCHES]
            found = any_rank(self.collective, *own)
            for name, is_set in zip(_SWITCHES, found, strict=True):
                setattr(control, name, is_set)

    def before_update(self, optimiser: Optimiser) -> None:
        """Give all ranks the learning rate of rank 0."""
        if self.size > 1:
            rate = from_first(self.collective, optimiser.learning_rate)
            optimiser.learning_rate = rate

    def sum_gradients(self) -> None:
        """Form the gradient of all ranks."""
        if self._parallel is not None:
            self._parallel.sum_gradients()

    def align(self) -> None:
        """Give all ranks the adapter of rank 0.

        They are equal on equal processors; others may round another way.
        """
        if self.size > 1:
            weights = self._model.engine.adapter.numpy()
            broadcast(self.collective, weights)
            if not self.is_first:
                self._model.engine.adapter.write(weights)

    def own_part(self, batch: Batch) -> Batch:
        """The sequences of a batch that are computed here; all where that is none."""
        places = borders(batch, self.size)
        rank = self.collective.rank
        own = range(int(places[rank]), int(places[rank + 1]))
        return batch.part(own) if own else batch

    def largest_part(self, tokens: int, longest: int) -> int:
        """Tokens that a rank has at most of a batch of so many."""
        return min(tokens, -(-tokens // self.size) + longest)


def digest(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """BLAKE2b of names and numbers, hexadecimal."""
    result = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        result.update(name.encode())
        result.update(np.ascontiguousarray(arrays[name]).tobytes())
    return result.hexdigest()
