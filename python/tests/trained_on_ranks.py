"""Runs of a small model on several ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from training_support import examples, tiny_model, trainer

import vaccine_swift as vs

# A step has 2 micro-batches of up to 5 rows, so that parts are uneven.
SETTINGS: dict[str, Any] = {
    "max_steps": 20,
    "per_device_train_batch_size": 5,
    "gradient_accumulation_steps": 2,
    "lr_scheduler_type": "cosine",
    "learning_rate": 1e-3,
    "logging_steps": 4,
}
STOP = ("should_training_stop", True)


class Noting(vs.TrainerCallback):
    """The norm of ε of every step, as the model's reports tell it."""

    def __init__(self) -> None:
        self.metrics: list[Any] = []

    def on_step_end(self, args, state, control, **kwargs):
        self.metrics.append(dict(kwargs["metrics"]))


def run(
    directory: Path, rank: Any, *, method: Any = None, **options: Any
) -> tuple[vs.Trainer, Noting]:
    """A trainer that has trained on a rank, or alone."""
    noting = Noting()
    method = vs.Vaccine(rho=2.0) if method is None else method
    own = trainer(
        directory,
        model=tiny_model(dropout=0.2),
        data=options.pop("data", examples(23)),
        method=method,
        callbacks=[noting, *options.pop("callbacks", [])],
        evaluation=options.pop("evaluation", None),
        streams={name: examples(7, seed=8) for name in method.streams},
        collective=rank,
        rho_scope=options.pop("rho_scope", "batch"),
        **(SETTINGS | {"report_to": "jsonl"} | options.pop("arguments", {})),
    )
    own.train(**options)
    return own, noting


def weights(own: vs.Trainer) -> np.ndarray:
    """Of the adapter, in one row."""
    return np.concatenate(
        [value.ravel() for value in own.model.adapter_state().values()]
    )
