"""A transformers model without weights yet, and where its tensors go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from accelerate import dispatch_model, infer_auto_device_map, init_empty_weights
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from vaccine_swift._arguments import nearest

__all__ = ["DTYPES", "available_device", "available_dtype", "empty_model", "place"]
__all__ += ["settle"]

DTYPES: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
# Of transformers' configurations; the only dropout here is LoRA's.
_DROPOUTS: Final = (
    *("dropout", "attention_dropout", "activation_dropout", "hidden_dropout"),
    *("layerdrop", "embd_pdrop", "resid_pdrop", "attn_pdrop"),
)


def available_device(device: str | None) -> str:
    """``"auto"``, or a device of torch that is there.

    Raises
    ------
    ValueError
        When torch does not know the device or it is not there.
    """
    if device in (None, "auto"):
        return "auto" if torch.cuda.is_available() else "cpu"
    try:
        known = torch.device(str(device))
        torch.empty(0, device=known)
    except (RuntimeError, AssertionError) as error:
        first = str(error).split("\n", maxsplit=1)[0]
        raise ValueError(
            f"device must be 'auto', 'cpu' or a device that torch sees, got "
            f"{device!r}: {first}"
        ) from error
    return str(known)


def available_dtype(dtype: str, device: str) -> str:
    """The precision that a caller asks for; "auto" is bfloat16 on GPUs that have it.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if dtype == "auto":
        on_gpu = device != "cpu" and torch.cuda.is_available()
        return "bfloat16" if on_gpu and torch.cuda.is_bf16_supported() else "float32"
    if dtype not in DTYPES:
        known = ", ".join(map(repr, (*DTYPES, "auto")))
        hint = nearest(str(dtype), DTYPES)
        raise ValueError(f"dtype must be one of {known}, got {dtype!r}.{hint}")
    return dtype


def empty_model(
    config: Mapping[str, Any], dtype: str, attention: str | None
) -> nn.Module:
    """The model of a configuration, its parameters on torch's ``meta`` device.

    Raises
    ------
    ValueError
        When transformers cannot make it; says why.
    """
    settings = {key: value for key, value in config.items() if key != "model_type"}
    # The end tokens are given with each generation, which checks them.
    for key in ("architectures", "torch_dtype", "dtype", "eos_token_id"):
        settings.pop(key, None)
    described = AutoConfig.for_model(config["model_type"], **settings)
    for key in _DROPOUTS:
        if hasattr(described, key):
            setattr(described, key, 0.0)
    options = {} if attention is None else {"attn_implementation": attention}
    try:
        with init_empty_weights(include_buffers=False):
            model = AutoModelForCausalLM.from_config(
                described, dtype=DTYPES[dtype], **options
            )
    except (ImportError, ValueError) as error:
        raise ValueError(f"config: transformers cannot make it: {error}") from error
    model.generation_config = GenerationConfig()
    model.requires_grad_(False)
    return model.eval()


def place(model: nn.Module, device: str) -> dict[str, torch.device]:
    """Where each parameter goes: one device, or ``"auto"`` over all that there are."""
    names = [name for name, _ in model.named_parameters()]
    if device != "auto":
        return dict.fromkeys(names, torch.device(device))
    chosen = infer_auto_device_map(
        model, no_split_module_classes=model._no_split_modules
    )
    return {name: torch.device(_device_of(name, chosen)) for name in names}


def settle(model: nn.Module, placed: Mapping[str, torch.device]) -> None:
    """After all parameters are in place: buffers, ties and the ways between devices."""
    model.tie_weights()
    devices = set(placed.values())
    if len(devices) == 1:
        model.to(devices.pop())
        return
    dispatch_model(
        model,
        infer_auto_device_map(model, no_split_module_classes=model._no_split_modules),
    )


def _device_of(name: str, chosen: Mapping[str, Any]) -> Any:
    parts = name.split(".")
    for end in range(len(parts), -1, -1):
        prefix = ".".join(parts[:end])
        if prefix in chosen:
            device = chosen[prefix]
            return "cpu" if device == "disk" else device
    raise KeyError(name)
