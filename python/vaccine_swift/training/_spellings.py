"""Keywords of transformers' TrainingArguments, and what becomes of them here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from vaccine_swift._arguments import check_range, nearest

__all__ = ["ALIASES", "IGNORED", "ONLY", "translate"]

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
        "dataloader_num_workers",
        "dataloader_persistent_workers",
        "dataloader_pin_memory",
        "dataloader_prefetch_factor",
        "ddp_find_unused_parameters",
        "do_eval",
        "do_predict",
        "do_train",
        "log_level",
        "logging_dir",
        "logging_nan_inf_filter",
        "no_cuda",
        "overwrite_output_dir",
        "prediction_loss_only",
        "remove_unused_columns",
        "run_name",
        "use_cpu",
    }
)
"""Keywords that change no result on this engine, whatever their value."""

_FLOAT32: Final = "the engine computes in float32"
_MACHINE: Final = "training runs in one process on one machine"

ONLY: Final[Mapping[str, tuple[tuple[object, ...], str]]] = MappingProxyType(
    {
        "adafactor": ((False,), "the optimiser is AdamW"),
        "auto_find_batch_size": ((False,), "a batch never grows by padding"),
        "bf16": ((False,), _FLOAT32),
        "bf16_full_eval": ((False,), _FLOAT32),
        "deepspeed": ((None,), _MACHINE),
        "fp16": ((False,), _FLOAT32),
        "fp16_full_eval": ((False,), _FLOAT32),
        "fsdp": ((None, "", False, []), _MACHINE),
        "gradient_checkpointing": ((False,), "activations are kept, none recomputed"),
        "group_by_length": ((False,), "batches are packed without padding"),
        "hub_model_id": ((None,), "nothing is uploaded"),
        "label_smoothing_factor": ((0.0,), "the loss is the plain cross-entropy"),
        "local_rank": ((-1, 0), _MACHINE),
        "lr_scheduler_kwargs": ((None, {}), "the schedules have no options"),
        "neftune_noise_alpha": ((None,), "RandomPerturbation is the noise on offer"),
        "optim_args": ((None, ""), "AdamW's options are the adam_ arguments"),
        "push_to_hub": ((False,), "nothing is uploaded"),
        "save_only_model": ((False,), "every checkpoint can be resumed"),
        "save_safetensors": ((True,), "weights are saved as safetensors only"),
        "tf32": ((False, None), _FLOAT32),
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
        target = ALIASES.get(name, name)
        if target not in names:
            every = names | set(ALIASES) | set(ONLY) | IGNORED
            raise TypeError(
                f"TrainingArguments has no argument {name!r}.{nearest(name, every)}"
            )
        if target in result:
            raise TypeError(f"{target} is given twice, once as {name}")
        if name == "warmup_ratio":
            check_range(name, value, minimum=0.0, below=1.0)
            value = float(value) or 0
        result[target] = value
    return result


def _check_only(name: str, value: object) -> None:
    accepted, reason = ONLY[name]
    for choice in accepted:
        equal = (value == choice) is True  # an array compares to an array
        if equal and isinstance(value, bool) is isinstance(choice, bool):
            return
    expected = " or ".join(repr(choice) for choice in accepted)
    raise ValueError(f"{name} must be {expected} ({reason}), got {value!r}")
