"""One call of `Trainer.train`: epochs, steps, and what happens between them."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy.typing as npt

from vaccine_swift.batches import Batch
from vaccine_swift.training.best import record_best
from vaccine_swift.training.estimate import Estimate, estimated
from vaccine_swift.training.optimiser import Optimiser
from vaccine_swift.training.position import Position
from vaccine_swift.training.run_checkpoints import RunCheckpoints
from vaccine_swift.training.schedule import schedule_factor
from vaccine_swift.training.state import TrainerControl, TrainerState

if TYPE_CHECKING:
    from vaccine_swift.files.locks import Lock
    from vaccine_swift.training.checkpoint import Checkpoint
    from vaccine_swift.training.host import Host
    from vaccine_swift.training.sampling import Plan, Survey
    from vaccine_swift.training.streams import MethodState

__all__ = ["Run"]

_SOON_DONE: Final = 50


class Run:
    """The loop of a training run.

    Parameters
    ----------
    trainer : Host
        Its state is replaced by this run's.
    plan : Plan
        Which examples go into which step.
    data : Survey
        Of the training set.
    run : str
        The same in all checkpoints of the run.
    identity : mapping
        Written into checkpoints.
    checkpoint : Checkpoint, optional
        Where to go on.
    method_state : MethodState
        The data streams of the method and what it keeps, as of `checkpoint`.
    lock : Lock or None
        Of the output directory; on rank 0.
    """

    def __init__(
        self,
        trainer: Host,
        plan: Plan,
        data: Survey,
        run: str,
        identity: Mapping[str, Any],
        checkpoint: Checkpoint | None,
        method_state: MethodState,
        lock: Lock | None,
    ) -> None:
        self.optimiser = Optimiser(trainer.model, trainer.args)
        self.checkpoints = RunCheckpoints(
            trainer, self.optimiser, run, identity, method_state, lock
        )
        self.position = Position()
        self._trainer = trainer
        self._plan = plan
        self._data = data
        self._method_state = method_state
        self._warmup = identity.get("warmup_steps", 0)
        state = TrainerState()
        if checkpoint:
            with trainer.ranks.together():
                checkpoint.restore(trainer.model, self.optimiser)
            state, self.position = checkpoint.state, checkpoint.position
            trainer.callbacks.restore(state.stateful_callbacks)
        args = trainer.args
        state.max_steps = plan.total_steps
        state.num_train_epochs = plan.total_epochs
        state.train_batch_size = args.per_device_train_batch_size
        for name in ("logging_steps", "eval_steps", "save_steps"):
            setattr(state, name, args.steps_of(name, plan.total_steps))
        state.is_world_process_zero = trainer.ranks.is_first
        state.is_local_process_zero = trainer.ranks.is_first
        trainer.state, trainer.control = state, TrainerControl()
        self._first_step = state.global_step
        self._first_tokens = state.num_input_tokens_seen
        self._samples = 0

    def go(self) -> None:
        """Run all epochs that are left."""
        trainer, position = self._trainer, self.position
        trainer.fire("on_train_begin")
        trainer.control.should_training_stop |= position.should_training_stop
        trainer.ranks.agree(trainer.control)
        if trainer.args.eval_on_start and trainer.state.global_step == 0:
            trainer.evaluate()
        while position.epoch < self._plan.total_epochs:
            if trainer.control.should_training_stop and position.steps_in_epoch == 0:
                return
            self._epoch()

    def estimate(self) -> Estimate | None:
        """What is left of the run; None where it is soon done."""
        left = self._plan.total_steps - self._trainer.state.global_step
        if left * self._trainer.args.gradient_accumulation_steps < _SOON_DONE:
            return None
        done = self._trainer.state.global_step
        return estimated(self._trainer, self._plan, self._data, done)

    def speed(self, seconds: float) -> dict[str, float]:
        """Throughput of the steps that this process did."""
        state = self._trainer.state
        return {
            "train_runtime": seconds,
            "train_samples_per_second": self._samples / seconds,
            "train_steps_per_second": (state.global_step - self._first_step) / seconds,
            "train_tokens_per_second": (
                (state.num_input_tokens_seen - self._first_tokens) / seconds
            ),
        }

    def _epoch(self) -> None:
        trainer, position = self._trainer, self.position
        trainer.fire("on_epoch_begin")
        trainer.control.should_epoch_stop |= position.should_epoch_stop
        trainer.ranks.agree(trainer.control)
        done = position.steps_in_epoch
        for step in itertools.islice(self._plan.steps(position.epoch), done, None):
            if self._ends_here():
                break
            self._step(step)
            self._log_evaluate_save()
        trainer.fire("on_epoch_end")
        position.epoch += 1
        position.steps_in_epoch = 0
        trainer.control.should_epoch_stop = False
        self._log_evaluate_save()

    def _ends_here(self) -> bool:
        control, state = self._trainer.control, self._trainer.state
        return (
            control.should_epoch_stop
            or control.should_training_stop
            or state.global_step >= state.max_steps
        )

    def _step(self, step: Sequence[npt.NDArray[Any]]) -> None:
        trainer, state, position = self._trainer, self._trainer.state, self.position
        args = trainer.args
        own = trainer.lr_lambda
        self.optimiser.learning_rate = args.learning_rate * schedule_factor(
            args.lr_scheduler_type if own is None else own,
            state.global_step,
            self._warmup,
            state.max_steps,
        )
        trainer.fire("on_step_begin")
        started = time.perf_counter()
        micro_batches = [
            Batch.pack(trainer.train_dataset[int(index)] for index in indices)
            for indices in step
        ]
        try:
            loss, clean_loss = self._accumulate(micro_batches)
            trainer.fire("on_pre_optimizer_step")
            trainer.ranks.before_update(self.optimiser)
            gradient_norm = self.optimiser.step()
        except ValueError as error:
            trainer.model.zero_gradients()
            raise ValueError(f"step {state.global_step + 1}: {error}") from error
        trainer.fire("on_optimizer_step")
        tokens = sum(batch.tokens for batch in micro_batches)
        seconds = time.perf_counter() - started
        position.micro_steps += len(micro_batches)
        position.add_step(loss, clean_loss, tokens, seconds)
        state.global_step += 1
        state.num_input_tokens_seen += tokens
        state.epoch = position.epoch + min(
            1.0,
            position.steps_in_epoch
            * args.gradient_accumulation_steps
            / self._plan.micro_batches,
        )
        self._samples += sum(batch.sequences for batch in micro_batches)
        learning_rate = self.optimiser.learning_rate
        position.gradient_norm, position.learning_rate = gradient_norm, learning_rate
        metrics = {
            "loss": loss,
            "grad_norm": gradient_norm,
            "learning_rate": learning_rate,
            "tokens_per_second": tokens / seconds,
        }
        if not math.isnan(clean_loss):
            metrics["clean_loss"] = clean_loss
        trainer.fire("on_step_end", metrics=metrics)

    def _accumulate(self, micro_batches: Sequence[Batch]) -> tuple[float, float]:
        """Sum the weighted gradients; the step's loss and clean loss."""
        trainer, position = self._trainer, self.position
        method = trainer.method.at_step(trainer.state.global_step)
        supervised = sum(batch.supervised for batch in micro_batches)
        loss = clean_loss = 0.0
        engine = trainer.ranks.engine
        engine.zero_gradients()
        for index, batch in enumerate(micro_batches):
            if index:
                trainer.fire("on_substep_end")
            weight = batch.supervised / supervised
            report = trainer.model.forward_backward(
                batch,
                method,
                weight=weight,
                seed=trainer.args.seed,
                stream=position.micro_steps + index,
                number=trainer.state.global_step,
                index=index,
                total=trainer.state.max_steps,
                engine=engine,
                state=self._method_state.values,
                streams=self._method_state.sources,
            )
            loss += weight * report.loss
            clean_loss += weight * report.clean_loss
        trainer.ranks.sum_gradients()
        return loss, clean_loss

    def _log_evaluate_save(self) -> None:
        trainer, state = self._trainer, self._trainer.state
        args, step = trainer.args, state.global_step
        trainer.ranks.agree(trainer.control)
        control = trainer.control
        if not (control.should_log or control.should_evaluate or control.should_save):
            return
        if trainer.control.should_log and step > self.position.logged_steps:
            trainer.log(self.position.take_logs(step))
        if trainer.control.should_evaluate:
            is_best = record_best(args, state, trainer.evaluate())
            if args.save_strategy == "best":
                trainer.control.should_save = is_best
            elif is_best and args.load_best_model_at_end:
                trainer.control.should_save = True
        if trainer.control.should_save:
            self.checkpoints.save(self.position)
            trainer.fire("on_save")
        trainer.ranks.agree(trainer.control)
