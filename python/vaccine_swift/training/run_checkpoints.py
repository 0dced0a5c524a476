"""The checkpoints of a run: written at a step, thinned out, and the best of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaccine_swift.training.checkpoint import run_id, write_checkpoint
from vaccine_swift.training.folder import remove_oldest

if TYPE_CHECKING:
    from vaccine_swift.files.locks import Lock
    from vaccine_swift.training.host import Host
    from vaccine_swift.training.optimiser import Optimiser
    from vaccine_swift.training.position import Position
    from vaccine_swift.training.streams import MethodState

__all__ = ["RunCheckpoints"]


class RunCheckpoints:
    """What one run writes into ``args.output_dir``; arguments as of `Run`."""

    def __init__(
        self,
        trainer: Host,
        optimiser: Optimiser,
        run: str,
        identity: Mapping[str, Any],
        method_state: MethodState,
        lock: Lock | None,
    ) -> None:
        self._trainer = trainer
        self._optimiser = optimiser
        self._run = run
        self._identity = identity
        self._method_state = method_state
        self._lock = lock

    def save(self, position: Position) -> None:
        """Write the checkpoint of this step; the other ranks of a run wait for it.

        Raises
        ------
        OSError
            When the disk refuses.
        RuntimeError
            When another run has taken the output directory.
        """
        trainer, state = self._trainer, self._trainer.state
        path = Path(trainer.args.output_dir, f"checkpoint-{state.global_step}")
        if state.best_global_step == state.global_step:
            state.best_model_checkpoint = str(path)
        at_the_end = state.global_step >= state.max_steps
        position.should_training_stop = (
            trainer.control.should_training_stop and not at_the_end
        )
        position.should_epoch_stop = trainer.control.should_epoch_stop
        state.stateful_callbacks = trainer.callbacks.states()
        trainer.ranks.align()
        with trainer.ranks.together():
            if self._lock is not None:
                self._write(path, position, self._lock)

    def best(self) -> Path | None:
        """The checkpoint of the best evaluation, also where `output_dir` has moved."""
        best = self._trainer.state.best_model_checkpoint
        if best is None:
            return None
        here = Path(self._trainer.args.output_dir, Path(best).name)
        for path in (here, Path(best)):
            if run_id(path) == self._run:
                return path
        return here

    def _write(self, path: Path, position: Position, lock: Lock) -> None:
        """Write a checkpoint, and remove those that are not to be kept."""
        trainer, state = self._trainer, self._trainer.state
        lock.ensure()
        write_checkpoint(
            path,
            model=trainer.model,
            optimiser=self._optimiser,
            state=state,
            position=position,
            method_state=self._method_state,
            args=trainer.args,
            run=self._run,
            identity=self._identity,
        )
        if trainer.args.save_total_limit:
            keep = {path}
            if trainer.args.load_best_model_at_end and state.best_model_checkpoint:
                keep.add(path.parent / Path(state.best_model_checkpoint).name)
            remove_oldest(path.parent, self._run, trainer.args.save_total_limit, keep)
