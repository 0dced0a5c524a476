"""What callbacks see of a run: its state and the switches that they may set."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from vaccine_swift.files import write_json
from vaccine_swift.files.fields import check_fields
from vaccine_swift.files.strict_json import parse_json

__all__ = ["TrainOutput", "TrainerControl", "TrainerState"]


class TrainOutput(NamedTuple):
    """What `Trainer.train` returns."""

    global_step: int
    """Optimiser steps done."""
    training_loss: float
    """Mean over all steps of the loss whose gradient was taken."""
    metrics: dict[str, float]
    """``train_runtime`` (seconds), ``train_tokens_per_second``, ``train_loss``, …"""


@dataclass
class TrainerControl:
    """Switches that a callback may set; the trainer acts on them and resets them."""

    should_training_stop: bool = False
    should_epoch_stop: bool = False
    should_save: bool = False
    should_evaluate: bool = False
    should_log: bool = False


@dataclass
class TrainerState:
    """The state of a run, in transformers' fields; ``trainer_state.json`` holds it.

    Parameters
    ----------
    epoch : float
        Epochs done; a fraction within one.
    global_step, max_steps : int
        Optimiser steps done and to do.
    logging_steps, eval_steps, save_steps : int
        Periods in steps.
    train_batch_size : int
        Examples of a micro-batch.
    num_train_epochs : int
        Epochs that are begun.
    num_input_tokens_seen : int
        Real tokens of all batches so far.
    log_history : list of dict
        Every log entry, with its ``step`` and ``epoch``.
    best_metric, best_global_step, best_model_checkpoint
        The best evaluation so far, its step, and its checkpoint where there is one.
    stateful_callbacks : dict
        What callbacks asked to keep, by class name.
    """

    epoch: float = 0.0
    global_step: int = 0
    max_steps: int = 0
    logging_steps: int = 500
    eval_steps: int = 500
    save_steps: int = 500
    train_batch_size: int | None = None
    num_train_epochs: int = 0
    num_input_tokens_seen: int = 0
    total_flos: float = 0.0
    log_history: list[dict[str, float]] = field(default_factory=list)
    best_metric: float | None = None
    best_global_step: int | None = None
    best_model_checkpoint: str | None = None
    is_local_process_zero: bool = True
    is_world_process_zero: bool = True
    is_hyper_param_search: bool = False
    trial_name: str | None = None
    trial_params: dict[str, Any] | None = None
    stateful_callbacks: dict[str, Any] = field(default_factory=dict)

    def save_to_json(self, json_path: str | Path) -> None:
        """Write the state to a file, beside it first and then renamed."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        write_json(json_path, values, sort_keys=True)

    @classmethod
    def load_from_json(cls, json_path: str | Path) -> TrainerState:
        """Read what `save_to_json`, or transformers, wrote; surplus fields are left.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        ValueError
            When it does not hold a trainer state.
        """
        path = Path(json_path)
        try:
            values = parse_json(path.read_text(encoding="utf-8"))
            if not isinstance(values, dict) or "global_step" not in values:
                raise ValueError("must be an object with a global_step")
            known = {entry.name for entry in fields(cls)}
            kept = {name: values[name] for name in known & set(values)}
            check_fields(cls, kept)
            return cls(**kept)
        except ValueError as error:
            raise ValueError(f"{path} holds no trainer state: {error}") from error
