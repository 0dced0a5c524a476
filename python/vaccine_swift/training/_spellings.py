"""Keywords of transformers' TrainingArguments, and what becomes of them here."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.training._transformers_names import DEFAULTS, OLDER

__all__ = ["ALIASES", "IGNORED", "ONLY", "any_spelling", "default_of"]
__all__ += ["translate"]

_Class = TypeVar("_Class", bound=type)

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "evaluation_strategy": "eval_strategy",
        "per_gpu_train_batch_size": "per_device_train_batch_size",
        "per_gpu_eval_batch_size": "per_device_eval_batch_size",
        "warmup_ratio": "warmup_steps",
    }
)
"""Old spelling → the name it stands for."""

IGNORED: Final = frozenset(
    {
        "activation_checkpointing_kwargs",
        "average_tokens_across_devices",
        "dataloader_in_order",
        "dataloader_multiprocessing_context",
        "dataloader_num_workers",
        "dataloader_persistent_workers",
        "dataloader_pin_memory",
        "dataloader_prefetch_factor",
        "ddp_backend",
        "ddp_broadcast_buffers",
        "ddp_bucket_cap_mb",
        "ddp_find_unused_parameters",
        "ddp_static_graph",
        "ddp_timeout",
        "do_eval",
        "do_predict",
        "do_train",
        "eval_accumulation_steps",
        "eval_do_concat_batches",
        "eval_use_gather_object",
        "fp16_backend",
        "fp16_opt_level",
        "fsdp_min_num_params",
        "fsdp_transformer_layer_cls_to_wrap",
        "full_determinism",
        "gradient_checkpointing_kwargs",
        "half_precision_backend",
        "hub_always_push",
        "hub_private_repo",
        "hub_revision",
        "hub_strategy",
        "hub_token",
        "jit_mode_eval",
        "length_column_name",
        "liger_kernel_config",
        "log_level",
        "log_level_replica",
        "log_on_each_node",
        "logging_dir",
        "logging_nan_inf_filter",
        "no_cuda",
        "overwrite_output_dir",
        "prediction_loss_only",
        "project",
        "push_to_hub_model_id",
        "push_to_hub_organization",
        "push_to_hub_token",
        "ray_scope",
        "remove_unused_columns",
        "restore_callback_states_from_checkpoint",
        "run_name",
        "save_on_each_node",
        "skip_memory_metrics",
        "torch_compile_backend",
        "torch_compile_mode",
        "torch_empty_cache_steps",
        "tpu_metrics_debug",
        "tpu_num_cores",
        "trackio_bucket_id",
        "trackio_space_id",
        "trackio_static_space_id",
        "use_cache",
        "use_cpu",
        "use_ipex",
        "use_legacy_prediction_loop",
        "use_mps_device",
    }
)
"""Keywords that change no result on this engine, whatever their value."""

_FLOAT32: Final = "the engine computes in float32"
_BFLOAT16: Final = (
    "load the model with dtype='bfloat16' for weights that are held and multiplied so; "
    "the rest stays float32"
)
_METRICS: Final = "an evaluation measures the loss"
_MACHINE: Final = "training runs in one process on one machine"

ONLY: Final[Mapping[str, tuple[tuple[object, ...], str]]] = MappingProxyType(
    {
        "activation_checkpointing": (
            (False, None),
            "activations are kept, none recomputed",
        ),
        "accelerator_config": ((None,), _MACHINE),
        "adafactor": ((False,), "the optimiser is AdamW"),
        "auto_find_batch_size": ((False,), "a batch never grows by padding"),
        "batch_eval_metrics": ((False,), _METRICS),
        "bf16": ((False,), _BFLOAT16),
        "bf16_full_eval": ((False,), _BFLOAT16),
        "debug": (("", [], None), "there is no underflow detector"),
        "deepspeed": ((None,), _MACHINE),
        "enable_jit_checkpoint": (
            (False,),
            "SIGTERM ends a run without another checkpoint",
        ),
        "fp16": ((False,), _FLOAT32),
        "fp16_full_eval": ((False,), _FLOAT32),
        "fsdp": ((None, "", False, []), _MACHINE),
        "fsdp_config": ((None, {}), _MACHINE),
        "gradient_checkpointing": (
            (False, None),
            "activations are kept, none recomputed",
        ),
        "group_by_length": ((False,), "batches are packed without padding"),
        "hub_model_id": ((None,), "nothing is uploaded"),
        "ignore_data_skip": ((False,), "a resumed run goes on with the next batch"),
        "include_for_metrics": (([], None), _METRICS),
        "include_inputs_for_metrics": ((False,), _METRICS),
        "include_num_input_tokens_seen": (
            ("no", False),
            "the count is in the trainer's state and never logged",
        ),
        "include_tokens_per_second": ((False, True), "it is always logged"),
        "label_names": ((None,), "labels are the examples' labels"),
        "label_smoothing_factor": ((0.0,), "the loss is the plain cross-entropy"),
        "local_rank": ((-1, 0), _MACHINE),
        "lr_scheduler_kwargs": ((None, {}), "the schedules have no options"),
        "neftune_noise_alpha": ((None,), "RandomPerturbation is the noise on offer"),
        "optim_args": ((None, ""), "AdamW's options are the adam_ arguments"),
        "optim_target_modules": ((None,), "the optimiser is AdamW"),
        "parallelism_config": ((None,), _MACHINE),
        "past_index": ((-1,), "it is for models with a memory"),
        "push_to_hub": ((False,), "nothing is uploaded"),
        "resume_from_checkpoint": ((None,), "it is an argument of Trainer.train"),
        "save_only_model": ((False,), "every checkpoint can be resumed"),
        "save_safetensors": ((True,), "weights are saved as safetensors only"),
        "tf32": ((False, None), _FLOAT32),
        "split_batches": ((None, False), _MACHINE),
        "dispatch_batches": ((None, False), _MACHINE),
        "mp_parameters": (("",), _MACHINE),
        "torchdynamo": ((None,), "there is no graph to compile"),
        "train_sampling_strategy": (
            ("random",),
            "every epoch takes all examples in a random order",
        ),
        "torch_compile": ((False,), "there is no graph to compile"),
        "use_liger_kernel": ((False,), "it is a GPU library"),
    }
)
"""Keywords with the values that are accepted, and why no other is."""


def translate(given: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Keyword arguments of any spelling as those of `TrainingArguments`.

    Parameters
    ----------
    given : mapping
        Keywords as a caller wrote them.
    known : iterable of str
        The names of today.

    Raises
    ------
    TypeError
        When a keyword is unknown (the nearest name is suggested) or is given in two
        spellings.
    ValueError
        When a keyword of transformers asks for something that is not implemented.
    """
    names = set(known)
    result: dict[str, Any] = {}
    for name, value in given.items():
        if name in IGNORED:
            continue
        if name in ONLY:
            _check_only(name, value)
            continue
        if value is None and default_of(name) is None:
            continue
        target = ALIASES.get(name, name)
        if target not in names:
            every = names | set(ALIASES) | set(ONLY) | IGNORED
            raise TypeError(
                f"TrainingArguments has no argument {name!r}.{nearest(name, every)}"
            )
        if target in result:
            others = (each for each in given if ALIASES.get(each) == target)
            spelt = ", ".join(f"once as {each}" for each in others)
            raise TypeError(f"{target} is given twice, {spelt}")
        if name == "warmup_ratio":
            check_range(name, value, minimum=0.0, below=1.0)
            value = float(value) or 0
        result[target] = value
    return result


def any_spelling(cls: _Class) -> _Class:
    """Let the constructor take every spelling that `translate` knows."""
    generated: Callable[..., None] = cls.__init__  # type: ignore[misc]
    known = [field.name for field in dataclasses.fields(cls)]

    @functools.wraps(generated)
    def __init__(self: object, *args: Any, **given: Any) -> None:
        unused = {name: value for name, value in given.items() if name in IGNORED}
        object.__setattr__(self, "_unused", unused)
        generated(self, *args, **translate(given, known))

    cls.__init__ = __init__  # type: ignore[misc]
    return cls


def default_of(name: str) -> Any:
    """The default of transformers' argument `name`; ... where it has none."""
    return DEFAULTS.get(name, OLDER.get(name, ...))


def _check_only(name: str, value: object) -> None:
    accepted, reason = ONLY[name]
    for choice in accepted:
        equal = (value == choice) is True  # an array compares to an array
        if equal and isinstance(value, bool) is isinstance(choice, bool):
            return
    expected = " or ".join(repr(choice) for choice in accepted)
    raise ValueError(f"{name} must be {expected} ({reason}), got {value!r}")
