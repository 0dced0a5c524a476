"""Everything that can go wrong before the first step does so here."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from vaccine_swift.files import remove_stale
from vaccine_swift.training.checkpoint import (
    Checkpoint,
    checkpoints,
    find_checkpoint,
)
from vaccine_swift.training.identity import check_same_run, identity
from vaccine_swift.training.run import Run
from vaccine_swift.training.sampling import (
    Plan,
    Survey,
    check_fits,
    largest_in_order,
    survey,
)

if TYPE_CHECKING:
    from vaccine_swift.training.trainer import Trainer

__all__ = ["prepare"]


def prepare(
    trainer: Trainer,
    resume_from_checkpoint: bool | str | Path | None,  # noqa: FBT001
) -> Run:
    """Check data, settings and checkpoint, allocate, and set the trainer's state.

    The adapter is written last, so that an error leaves the model as it was.

    Raises
    ------
    RuntimeError, ValueError, FileNotFoundError, MemoryError, OSError
        As `Trainer.train` says.
    """
    if trainer.model.adapter is None:
        raise RuntimeError("the model has no adapter, call model.add_adapter first")
    output_dir = Path(trainer.args.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    remove_stale(output_dir)
    data = survey("train_dataset", trainer.train_dataset)
    check_fits("train_dataset", data, trainer.model)
    plan = Plan.of(trainer.args, len(data.lengths))
    present = identity(trainer.model, trainer.args, trainer.method, plan, data)
    checkpoint = _checkpoint(output_dir, resume_from_checkpoint)
    if checkpoint:
        check_same_run(checkpoint.path, checkpoint.identity, present)
    elif checkpoints(output_dir):
        warnings.warn(
            f"output_dir {output_dir} holds checkpoints of an earlier run; "
            f"resume_from_checkpoint=True goes on with it",
            stacklevel=3,
        )
    _reserve(trainer, plan, data)
    return Run(trainer, plan, present, checkpoint)


def _checkpoint(
    output_dir: Path,
    resume: bool | str | Path | None,  # noqa: FBT001
) -> Checkpoint | None:
    if resume is None or resume is False:
        return None
    if resume is True:
        return find_checkpoint(output_dir)
    return Checkpoint.read(Path(resume))


def _reserve(trainer: Trainer, plan: Plan, data: Survey) -> None:
    """Allocate once for the largest batch of training and evaluation."""
    tokens = plan.largest_batch(data.lengths)
    sequences = min(plan.batch_size, plan.examples)
    if trainer.eval_dataset is not None:
        other = survey("eval_dataset", trainer.eval_dataset)
        check_fits("eval_dataset", other, trainer.model)
        size = trainer.args.per_device_eval_batch_size
        tokens = max(tokens, largest_in_order(other.lengths, size))
        sequences = max(sequences, min(size, len(other.lengths)))
    trainer.model.reserve(
        tokens, sequences, training=True, perturbed=trainer.method.perturbs
    )
