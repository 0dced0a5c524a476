"""What makes a run the run it is: what a resumed one may not change."""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vaccine_swift.training.ranks import digest
from vaccine_swift.training.schedule import first_factors

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM
    from vaccine_swift.training.arguments import TrainingArguments
    from vaccine_swift.training.checkpoint import Checkpoint
    from vaccine_swift.training.host import Host
    from vaccine_swift.training.sampling import Plan, Survey

__all__ = ["going_on", "identity", "stretched"]

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
_LENGTH: Final = "max_steps or num_train_epochs (in steps)"
_FACTORS: Final = "lr_lambda"
_WARMUP: Final = "warmup_steps"
_CONFIGURATION: Final = "model (configuration)"
# By the core's words for them.
_SAMPLED_MODULES: Final = ("final_norm", "query", "query_key_value", "down")
# The blocks of Llama, which go without saying: files hold no name of any other.
_LLAMA_BLOCKS: Final = {
    "norm": "rms",
    "positions": "rotary",
    "feed_forward": "gated_silu",
}


def identity(host: Host, plan: Plan, data: Survey) -> dict[str, Any]:
    """Everything that shapes the trajectory of the weights, ready for JSON.

    When to log, evaluate and save is not in it. The length of the run and of its
    warm-up are where the schedule depends on them.
    """
    model, args = host.model, host.args
    values = {name: getattr(args, name) for name in _ARGUMENTS}
    schedule = args.lr_scheduler_type
    if host.lr_lambda is not None:
        values["lr_scheduler_type"] = schedule = "constant"
        values[_FACTORS] = first_factors(host.lr_lambda, plan.total_steps)
    if schedule != "constant":
        values[_WARMUP] = args.steps_of("warmup_steps", plan.total_steps)
    if schedule in ("linear", "cosine"):
        values[_LENGTH] = plan.total_steps
    values["data_seed"] = plan.seed
    values["method"] = host.method.identity
    values["train_dataset (length)"] = len(data.lengths)
    values["train_dataset (fingerprint)"] = data.fingerprint
    if model.adapter is not None:
        values["adapter"] = asdict(model.adapter)
    if model.frozen_adapters:
        values["frozen adapters"] = [asdict(each) for each in model.frozen_adapters]
        states = model.frozen_states()
        values["frozen adapters (weights)"] = [digest(state) for state in states]
    values[_CONFIGURATION] = _described(model.core.configuration)
    values["model (fingerprint)"] = _fingerprint(model)
    return json.loads(json.dumps(values | host.ranks.identity))


def _fingerprint(model: CausalLM) -> str:
    """Of some base weights: enough to tell one model from another, quick to read."""
    found = hashlib.blake2b(digest_size=16)
    present = {name for name, _ in model.core.tensors("weight")}
    for module in _SAMPLED_MODULES:
        template = model.core.configuration.get(f"names.{module}", "")
        name = f"{template.replace('{layer}', '0')}.weight"
        if name in present:
            found.update(np.asarray(model.core.read("weight", name)).tobytes())
    return found.hexdigest()


def _described(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A model's description, without the names of its tensors."""
    return {
        key: float(np.float32(value)) if key == "norm_epsilon" else value
        for key, value in configuration.items()
        if not key.startswith("names.") and _LLAMA_BLOCKS.get(key) != value
    }


def going_on(
    checkpoint: Checkpoint, present: Mapping[str, Any], args: TrainingArguments
) -> dict[str, Any]:
    """The identity of the run that goes on from a checkpoint.

    `max_steps` may be larger than it was: the schedule then ends at the new step, with
    the warm-up that the run began with.

    Parameters
    ----------
    checkpoint : Checkpoint
        Where it goes on.
    present : mapping
        `identity` under the present settings.
    args : TrainingArguments
        The present settings.

    Raises
    ------
    ValueError
        When the run would be another one: names every setting that differs, with both
        values.
    """
    saved = checkpoint.identity
    result = dict(present)
    was, now = saved.get(_LENGTH), present.get(_LENGTH)
    is_longer = isinstance(was, int) and now is not None and args.max_steps > was
    if is_longer:
        result[_LENGTH] = was
    if _WARMUP in saved and 0 < args.warmup_steps < 1:
        is_same_share = checkpoint.arguments.get(_WARMUP) == args.warmup_steps
        result[_WARMUP] = saved[_WARMUP] if is_same_share else present.get(_WARMUP)
    changes = [
        f"{name} was {saved.get(name)!r}, is {result.get(name)!r}"
        for name in dict.fromkeys((*saved, *result))
        if not _agree(name, saved.get(name), result.get(name))
    ]
    if changes:
        raise ValueError(
            f"cannot resume from {checkpoint.path}, the run would be another one: "
            + "; ".join(changes)
        )
    if is_longer:
        result[_LENGTH] = now
    return result


def stretched(checkpoint: Checkpoint, identity: Mapping[str, Any]) -> str | None:
    """What a longer `max_steps` does to the schedule; None where it is the same."""
    was, now = checkpoint.identity.get(_LENGTH), identity.get(_LENGTH)
    if was == now:
        return None
    return (
        f"max_steps is {now}, was {was}: from step {checkpoint.state.global_step + 1} "
        f"on the learning rate is that of a {identity['lr_scheduler_type']} schedule "
        f"of {now} steps, with the warm-up that the run began with"
    )


def _agree(name: str, saved: object, present: object) -> bool:
    """Whether a setting is the same, one that came later than the checkpoint unused."""
    if isinstance(saved, dict) and isinstance(present, dict):
        return saved.keys() <= present.keys() and all(
            saved[key] == value if key in saved else name == _CONFIGURATION or not value
            for key, value in present.items()
        )
    if name == _FACTORS and isinstance(saved, list) and isinstance(present, list):
        return all(map(operator.eq, saved, present))  # one run may be longer
    return saved == present
