"""Everything that can go wrong before the first step does so here."""

from __future__ import annotations

import math
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift import _core
from vaccine_swift.files import remove_stale
from vaccine_swift.training.checkpoint import Checkpoint, run_id
from vaccine_swift.training.folder import (
    find_checkpoint,
    keep_apart,
    reports,
    strangers,
)
from vaccine_swift.training.identity import going_on, identity, stretched
from vaccine_swift.training.ranks import digest
from vaccine_swift.training.run import Run
from vaccine_swift.training.sampling import (
    Plan,
    Survey,
    check_fits,
    largest_in_order,
    survey,
)
from vaccine_swift.training.schedule import schedule_factor
from vaccine_swift.training.streams import MethodState, Stream

if TYPE_CHECKING:
    from vaccine_swift.files.locks import Lock
    from vaccine_swift.training.host import Host

__all__ = ["plan_of", "prepare"]

# Of the optimiser.
_LARGEST_RATE: Final = 1e6
# Settings that may differ between the ranks of a run.
_OF_A_RANK: Final = ("output_dir", "disable_tqdm", "report_to")


def prepare(
    trainer: Host,
    resume_from_checkpoint: bool | str | Path | None,  # noqa: FBT001
    lock: Lock | None,
) -> Run:
    """Check data, settings and checkpoint, allocate, and set the trainer's state.

    The adapter is written last, so that an error leaves the model as it was.

    Raises
    ------
    RuntimeError, ValueError, FileNotFoundError, MemoryError, OSError
        As `Trainer.train` says.
    """
    output_dir, ranks = Path(trainer.args.output_dir), trainer.ranks
    checkpoint, run = None, uuid.uuid4().hex
    with ranks.together():
        if ranks.is_first:
            remove_stale(output_dir)
        plan, data, method_state = _planned(trainer)
        present = identity(trainer, plan, data) | method_state.identity
        if resume_from_checkpoint is not None and resume_from_checkpoint is not False:
            if resume_from_checkpoint is True:
                checkpoint = find_checkpoint(
                    output_dir, lambda found: going_on(found, present, trainer.args)
                )
            else:
                checkpoint = Checkpoint.read(Path(resume_from_checkpoint))
            present = going_on(checkpoint, present, trainer.args)
            run = checkpoint.run
            method_state.load(checkpoint.path)
        _reserve(trainer, plan, data, method_state)
    if ranks.size > 1:
        ranks.check(_facts(trainer, present, checkpoint))
        run = ranks.name_of_first(run)
    told = checkpoint and stretched(checkpoint, present)
    last = checkpoint.state.global_step if checkpoint and told else math.inf
    with ranks.together():
        if ranks.is_first:
            _keep_others_apart(output_dir, run, last, checkpoint)
    if told and ranks.is_first:
        warnings.warn(told, stacklevel=3)
    return Run(trainer, plan, data, run, present, checkpoint, method_state, lock)


def _facts(
    trainer: Host, present: Mapping[str, Any], checkpoint: Checkpoint | None
) -> dict[str, object]:
    """What must be the same on every rank, by its name."""
    adapter = trainer.model.adapter_state() if checkpoint is None else None
    if checkpoint is not None:
        adapter = dict(checkpoint.adapter)
    evaluated = trainer.eval_dataset
    return {
        "version of vaccine_swift": _core.__version__,
        **{
            name: value
            for name, value in asdict(trainer.args).items()
            if name not in _OF_A_RANK
        },
        **present,
        "checkpoint": checkpoint
        and (checkpoint.run, checkpoint.state.global_step, asdict(checkpoint.position)),
        "adapter (weights)": digest(adapter or {}),
        "eval_dataset (fingerprint)": None
        if evaluated is None
        else survey("eval_dataset", evaluated).fingerprint,
    }


def plan_of(trainer: Host) -> tuple[Plan, Survey]:
    """Check data and settings, and allocate: what comes before any file.

    Raises
    ------
    ValueError, MemoryError
        As `Trainer.train` says.
    """
    plan, data, method_state = _planned(trainer)
    _reserve(trainer, plan, data, method_state)
    return plan, data


def _planned(trainer: Host) -> tuple[Plan, Survey, MethodState]:
    data = survey("train_dataset", trainer.train_dataset)
    check_fits("train_dataset", data, trainer.model)
    plan = Plan.of(trainer.args, len(data.lengths))
    _check_rates(trainer, plan)
    method_state = MethodState(
        Stream(name, dataset, plan.batch_size, plan.seed)
        for name, dataset in trainer.streams.items()
    )
    method_state.check(trainer.model)
    return plan, data, method_state


def _check_rates(trainer: Host, plan: Plan) -> None:
    """Refuse a schedule at whose highest rate no step can be made.

    What a caller's own schedule says is looked at step by step.
    """
    args, last = trainer.args, plan.total_steps - 1
    if trainer.lr_lambda is not None:
        return
    warmup = args.steps_of("warmup_steps", plan.total_steps)
    rate = args.learning_rate * schedule_factor(
        args.lr_scheduler_type, min(warmup, last), warmup, plan.total_steps
    )
    if rate > _LARGEST_RATE:
        raise ValueError(f"learning_rate must be at most 1e6, got {rate:g}")
    if rate * args.weight_decay > 1:
        raise ValueError(
            "learning_rate · weight_decay must be at most 1, got "
            f"{rate:g} · {args.weight_decay:g}"
        )


def _keep_others_apart(
    output_dir: Path, run: str, last: float, checkpoint: Checkpoint | None
) -> None:
    """Move away what another run left, so that neither counts for the other.

    Checkpoints of the same run after step `last` are of another schedule.
    """
    moved = strangers(output_dir, run, last)
    if not moved:
        return
    if any(run_id(path) != run for path in moved):
        moved += reports(output_dir)
    folder = keep_apart(output_dir, moved)
    if checkpoint:
        told = (
            f"{output_dir} holds checkpoints of another run or schedule than "
            f"{checkpoint.path}; they are kept in {folder}"
        )
    else:
        told = (
            f"output_dir {output_dir} holds checkpoints of an earlier run; they are "
            f"kept in {folder}, where resume_from_checkpoint can go on with one"
        )
    warnings.warn(told, stacklevel=4)


def _reserve(
    trainer: Host, plan: Plan, data: Survey, method_state: MethodState
) -> None:
    """Allocate once for the largest batch of training and evaluation."""
    longest = int(data.lengths.max())
    tokens = trainer.ranks.largest_part(plan.largest_batch(data.lengths), longest)
    sequences = min(plan.batch_size, plan.examples)
    for stream in method_state.streams.values():
        longest = int(stream.survey.lengths.max())
        part = trainer.ranks.largest_part(stream.largest_batch(), longest)
        tokens = max(tokens, part)
        sequences = max(sequences, min(plan.batch_size, len(stream.survey.lengths)))
    if trainer.eval_dataset is not None:
        other = survey("eval_dataset", trainer.eval_dataset)
        check_fits("eval_dataset", other, trainer.model)
        size = trainer.args.per_device_eval_batch_size
        tokens = max(tokens, largest_in_order(other.lengths, size))
        sequences = max(sequences, min(size, len(other.lengths)))
    trainer.model.reserve(
        tokens, min(sequences, tokens), training=True, perturbed=trainer.method.perturbs
    )
