"""What makes a run the run it is: what a resumed one may not change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from vaccine_swift.methods import Method
    from vaccine_swift.models import CausalLM
    from vaccine_swift.training.arguments import TrainingArguments
    from vaccine_swift.training.sampling import Plan, Survey

__all__ = ["check_same_run", "identity"]

_ARGUMENTS: Final = (
    "learning_rate",
    "weight_decay",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "max_grad_norm",
    "lr_scheduler_type",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "dataloader_drop_last",
    "seed",
)
_SAMPLED_WEIGHTS: Final = (
    "model.norm.weight",
    "model.layers.0.self_attn.q_proj.weight",
    "model.layers.0.mlp.down_proj.weight",
)


def identity(
    model: CausalLM, args: TrainingArguments, method: Method, plan: Plan, data: Survey
) -> dict[str, Any]:
    """Everything that shapes the trajectory of the weights, ready for JSON.

    When to log, evaluate and save is not in it. The length of the run and of its
    warm-up are where the schedule depends on them.
    """
    values = {name: getattr(args, name) for name in _ARGUMENTS}
    schedule = args.lr_scheduler_type
    if schedule != "constant":
        values["warmup_steps"] = args.steps_of("warmup_steps", plan.total_steps)
    if schedule in ("linear", "cosine"):
        values["max_steps or num_train_epochs (in steps)"] = plan.total_steps
    values["data_seed"] = plan.seed
    values["method"] = method.identity
    values["train_dataset (length)"] = len(data.lengths)
    values["train_dataset (fingerprint)"] = data.fingerprint
    if model.adapter is not None:
        values["adapter"] = asdict(model.adapter)
    values["model (configuration)"] = dict(model._model.configuration)
    values["model (fingerprint)"] = _fingerprint(model)
    return json.loads(json.dumps(values))


def _fingerprint(model: CausalLM) -> str:
    """Of some base weights: enough to tell one model from another, quick to read."""
    digest = hashlib.blake2b(digest_size=16)
    for name in _SAMPLED_WEIGHTS:
        digest.update(np.asarray(model._model.read("weight", name)).tobytes())
    return digest.hexdigest()


def check_same_run(
    checkpoint: Path, saved: Mapping[str, Any], present: Mapping[str, Any]
) -> None:
    """Refuse to go on with other settings than those the run began with.

    Raises
    ------
    ValueError
        Names every setting that differs, with both values.
    """
    changes = [
        f"{name} was {saved.get(name)!r}, is {present.get(name)!r}"
        for name in dict.fromkeys((*saved, *present))
        if saved.get(name) != present.get(name)
    ]
    if changes:
        raise ValueError(
            f"cannot resume from {checkpoint}, the run would be another one: "
            + "; ".join(changes)
        )
