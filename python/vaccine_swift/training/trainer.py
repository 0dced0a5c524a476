"""`Trainer`: align a model's adapter, with transformers' habits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vaccine_swift._arguments import check_type
from vaccine_swift.batches import Example
from vaccine_swift.machine.termination import termination_interrupts
from vaccine_swift.methods import Method, Vaccine
from vaccine_swift.models import CausalLM
from vaccine_swift.training.arguments import TrainingArguments
from vaccine_swift.training.checkpoint import Checkpoint
from vaccine_swift.training.estimate import Estimate, estimated
from vaccine_swift.training.flow import CallbackHandler, DefaultFlowCallback
from vaccine_swift.training.host import Host
from vaccine_swift.training.preparation import plan_of, prepare
from vaccine_swift.training.progress import (
    JSONLinesCallback,
    PrinterCallback,
    ProgressCallback,
)
from vaccine_swift.training.ranks import Ranks
from vaccine_swift.training.state import TrainerControl, TrainerState, TrainOutput
from vaccine_swift.training.streams import check_streams

if TYPE_CHECKING:
    from vaccine_swift.distributed import Collective
    from vaccine_swift.distributed.scopes import RhoScope
    from vaccine_swift.training.run import Run

__all__ = ["Trainer"]


class Trainer(Host):
    """Trains the adapter of a model with Vaccine, SFT or another method.

    One optimiser step: the gradients of its micro-batches are summed, each weighted by
    its share of the step's supervised tokens; their global norm is clipped; AdamW
    updates the adapter with the schedule's learning rate.

    Parameters
    ----------
    model : CausalLM
        With an adapter (`CausalLM.add_adapter`).
    args : TrainingArguments
        Settings of the run.
    train_dataset : sequence of Example
        Each supervises at least one token and is within the model's context.
    eval_dataset : sequence of Example, optional
        What `evaluate` measures.
    method : Method
        How a step forms its gradient.
    streams : dict of str to sequence of Example, optional
        The data that the method reads beside the training rows, such as
        ``{"harmful": …}``: one for each of the method's ``streams``. Each is shuffled,
        batched and resumed as the training rows are, epoch after epoch.
    lr_lambda : callable, optional
        A schedule of one's own in place of `lr_scheduler_type`: takes the step, from
        0, and returns what `learning_rate` is multiplied by, at least 0. A resumed run
        must have the same. A callback may set ``optimizer.learning_rate`` as well, in
        `on_step_begin` or `on_pre_optimizer_step`, for that step.
    callbacks : sequence, optional
        Callbacks, or classes of them, called after the trainer's own.
    collective : Collective, optional
        The processes of a job that train together, such as
        ``vaccine_swift.distributed.mpi.MPICollective()``. Each makes the same trainer
        and calls the same methods. A micro-batch of the settings is shared out among
        them, so that the run is that of one process, whatever their number. Rank 0
        writes, and prints; callbacks run on all of them, and see
        ``state.is_world_process_zero``. A switch that one rank sets is set on all.
    rho_scope : {"batch", "rank"}
        Whether a perturbation of norm ρ is one of the micro-batch, or each rank has one
        of its own, as with hooks in every process.

    Attributes
    ----------
    state : TrainerState
        Steps done, log, best metric.
    control : TrainerControl
        Switches that callbacks set.
    callbacks : CallbackHandler
        All callbacks in the order in which they are called.

    Raises
    ------
    TypeError
        When an argument is not of its type.
    ValueError
        When `args` ask for evaluation and there is no `eval_dataset`, or `streams` are
        not those that the method reads.

    Notes
    -----
    Shuffling depends on (`data_seed`, epoch) and dropout on (`seed`, number of the
    micro-batch), so equal settings give equal bits on one machine with one number of
    threads, and a resumed run continues as if it had never stopped.

    Ctrl-C and SIGTERM leave the model as it was after the last complete step, and all
    checkpoints whole; `train` may be called again. One run writes to `output_dir` at a
    time. Checkpoints of other runs that are there are moved into ``earlier-N``.

    Examples
    --------
    >>> import tempfile
    >>> import vaccine_swift as vs
    >>> model = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    >>> model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=4))
    >>> data = [vs.Example([1, 2, 3], [-100, 2, 3])] * 8
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     args = vs.TrainingArguments(directory, learning_rate=1e-3)
    ...     output = vs.Trainer(model, args, train_dataset=data).train()
    >>> output.global_step
    3
    """

    def __init__(
        self,
        model: CausalLM,
        args: TrainingArguments,
        *,
        train_dataset: Sequence[Example],
        eval_dataset: Sequence[Example] | None = None,
        method: Method = Vaccine(rho=2.0),  # noqa: B008, frozen
        streams: Mapping[str, Sequence[Example]] | None = None,
        lr_lambda: Callable[[int], float] | None = None,
        callbacks: Sequence[object] | None = None,
        collective: Collective | None = None,
        rho_scope: RhoScope = "batch",
    ) -> None:
        check_type("model", model, CausalLM)
        if not isinstance(args, TrainingArguments):
            raise TypeError(f"args must be TrainingArguments, got {_kind(args)}")
        if not isinstance(method, Method):
            raise TypeError(
                f"method must be SFT, Vaccine, RandomPerturbation or another Method, "
                f"got {_kind(method)}"
            )
        if eval_dataset is None and (args.eval_strategy != "no" or args.eval_on_start):
            raise ValueError(
                f"eval_dataset must be given with eval_strategy "
                f"{args.eval_strategy!r}, got None"
            )
        self.model = model
        self.args = args
        self.train_dataset = train_dataset
        self.eval_dataset = eval_dataset
        self.method = method
        self.streams = check_streams(method, streams)
        if not (lr_lambda is None or callable(lr_lambda)):
            raise TypeError(f"lr_lambda must be callable, got {_kind(lr_lambda)}")
        self.lr_lambda = lr_lambda
        self.ranks = Ranks(collective, model, rho_scope)
        is_first = self.ranks.is_first
        self.state = TrainerState(
            is_local_process_zero=is_first, is_world_process_zero=is_first
        )
        self.control = TrainerControl()
        own: list[object] = [DefaultFlowCallback()]
        if "jsonl" in args.report_to and is_first:
            own.append(JSONLinesCallback())
        self.callbacks = CallbackHandler([*own, *(callbacks or ())])
        shown = PrinterCallback() if args.disable_tqdm else ProgressCallback()
        if is_first:
            self.callbacks.add(shown)
        self.fire("on_init_end")

    def train(
        self,
        resume_from_checkpoint: bool | str | Path | None = None,  # noqa: FBT001
    ) -> TrainOutput:
        """Run all steps.

        Parameters
        ----------
        resume_from_checkpoint : bool or path, optional
            True: go on from the last whole checkpoint in `output_dir`. A path: from
            that one. The run continues bit for bit as if it had not stopped. With a
            larger `max_steps` it goes on to there: a linear or cosine schedule then
            ends at the new step, with the warm-up that the run began with.

        Returns
        -------
        TrainOutput
            ``(global_step, training_loss, metrics)``.

        Raises
        ------
        ValueError
            When an example does not fit the model, or the highest learning rate is out
            of range; when a loss or gradient is not finite (names the step; the weights
            are those of the step before); when there is nothing to resume from, or the
            settings are not the run's.
        FileNotFoundError
            When the checkpoint to resume from is not there.
        RuntimeError
            When the model has no adapter, or another run writes to `output_dir`; when
            another rank fails (names it) or is lost.
        MemoryError
            When the largest batch does not fit; before the first step.
        OSError
            When a checkpoint or log cannot be written; former checkpoints are whole.
        """
        self._require_adapter()
        with (
            self.ranks.ending_together(),
            termination_interrupts(),
            self.ranks.exclusive(Path(self.args.output_dir), "trains") as lock,
        ):
            run = prepare(self, resume_from_checkpoint, lock)
            self.optimiser = run.optimiser
            self._tell_estimate(run)
            started = time.perf_counter()
            try:
                run.go()
                return self._finish(run, time.perf_counter() - started)
            finally:
                self.optimiser = None
                for callback in self.callbacks.callbacks:
                    if isinstance(callback, ProgressCallback):
                        callback.close()

    def estimate(self) -> Estimate:
        """How long a run will take and how much memory, from one micro-batch.

        Checks data and settings and allocates as `train` does, but writes nothing;
        the model's gradients are zero afterwards.

        Returns
        -------
        Estimate
            ``steps``, ``tokens``, ``seconds`` (evaluations aside), ``memory`` (bytes).

        Raises
        ------
        ValueError, RuntimeError, MemoryError
            As `train`.

        Examples
        --------
        >>> import vaccine_swift as vs
        >>> model = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
        >>> model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=4))
        >>> data = [vs.Example([1, 2, 3], [-100, 2, 3])] * 8
        >>> args = vs.TrainingArguments("never-written", max_steps=1000)
        >>> estimate = vs.Trainer(model, args, train_dataset=data).estimate()
        >>> estimate.steps, estimate.tokens, estimate.seconds > 0
        (1000, 24000, True)
        """
        self._require_adapter()
        plan, data = plan_of(self)
        return estimated(self, plan, data, 0)

    def _require_adapter(self) -> None:
        if self.model.adapter is None:
            raise RuntimeError("the model has no adapter, call model.add_adapter first")

    def _tell_estimate(self, run: Run) -> None:
        """Say what is ahead where someone is told of the run at all."""
        shown = (PrinterCallback, ProgressCallback)
        if any(isinstance(each, shown) for each in self.callbacks.callbacks):
            estimate = run.estimate()
            if estimate is not None:
                # Where the log goes: printed lines, or above the bar.
                is_printed = self.args.disable_tqdm
                print(estimate, file=sys.stdout if is_printed else sys.stderr)

    def _finish(self, run: Run, seconds: float) -> TrainOutput:
        best = run.checkpoints.best()
        if self.args.load_best_model_at_end and best is not None:
            Checkpoint.read(best).restore_adapter(self.model)
        loss = run.position.loss_sum / max(1, self.state.global_step)
        metrics = {**run.speed(seconds), "train_loss": loss}
        self.log(metrics)
        with self.ranks.together():
            self.save_state()
        self.fire("on_train_end")
        return TrainOutput(self.state.global_step, loss, metrics)


def _kind(value: object) -> str:
    return type(value).__name__
