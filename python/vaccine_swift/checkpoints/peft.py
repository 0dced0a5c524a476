"""LoRA adapters in PEFT's files, ``adapter_config.json`` and its safetensors.

References: PEFT 0.21, ``LoraConfig`` and the checkpoint format of its developer guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.checkpoints.hub import hub_hint
from vaccine_swift.checkpoints.json_files import read_json
from vaccine_swift.checkpoints.safetensors import SafetensorsFile
from vaccine_swift.checkpoints.tensors import TensorSource
from vaccine_swift.checkpoints.torch_file import TorchFile
from vaccine_swift.files import settle, staged_files, write_json, write_tensors
from vaccine_swift.files.checksums import CHECKSUMS, verify_checksums
from vaccine_swift.lora import LoRAConfig

__all__ = ["read_adapter", "write_adapter"]

_CONFIG: Final = "adapter_config.json"
_WEIGHTS: Final = "adapter_model.safetensors"
_PICKLE: Final = "adapter_model.bin"

# Options that change nothing once an adapter is trained, or describe it.
_IRRELEVANT: Final = frozenset(
    [
        "auto_mapping",
        "base_model_name_or_path",
        "corda_config",
        "eva_config",
        "inference_mode",
        "loftq_config",
        "lora_ga_config",
        "megatron_core",
        "peft_type",
        "peft_version",
        "qalora_group_size",
        "revision",
        "runtime_config",
        "task_type",
    ]
)
_OWN: Final = frozenset(
    [
        "r",
        "lora_alpha",
        "lora_dropout",
        "target_modules",
        "use_rslora",
        "rank_pattern",
        "alpha_pattern",
        "exclude_modules",
        "layers_to_transform",
    ]
)
# What layers are called in every family here; another name would mean other modules.
_LAYERS: Final[tuple[Any, ...]] = (None, "layers", ["layers"], [])
# The only values that leave the base weights alone before training.
_INITIALISATIONS: Final = (True, False, None, "gaussian", "orthogonal", "eva")


def read_adapter(directory: Path) -> tuple[LoRAConfig, TensorSource]:
    """The settings and the weights of an adapter that PEFT or this package saved.

    Parameters
    ----------
    directory : Path
        Where the two files are.

    Returns
    -------
    tuple of LoRAConfig and TensorSource
        Weights under PEFT's names, ``base_model.model.….lora_A.weight`` [r, in] and
        ``….lora_B.weight`` [out, r].

    Raises
    ------
    FileNotFoundError
        When a file is missing.
    ValueError
        When a file is corrupt, or the adapter uses an option that is not implemented
        (DoRA, bias, modules_to_save …); names the file and every such option.
    """
    settle(directory)
    path = directory / _CONFIG
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file{hub_hint(directory)}")
    verify_checksums(directory, (_CONFIG, _WEIGHTS))
    options = read_json(path)
    faults = []
    if options.get("peft_type") != "LORA":
        faults.append(f"peft_type must be 'LORA', got {options.get('peft_type')!r}")
    targets = options.get("target_modules")
    if not targets:
        faults.append("target_modules is missing")
    for name, value in options.items():
        if name == "init_lora_weights":
            refused = value not in _INITIALISATIONS
        elif name == "bias":
            refused = value not in ("none", None)
        elif name == "layers_pattern":
            refused = value not in _LAYERS
        else:
            refused = bool(value) and name not in _IRRELEVANT | _OWN
        if refused:
            faults.append(f"{name} = {value!r} is not implemented")
    if faults:
        raise ValueError(f"{path}: " + "; ".join(faults))
    given = {name: options[name] for name in _OWN if options.get(name) is not None}
    try:
        config = LoRAConfig(**given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    weights, pickle = directory / _WEIGHTS, directory / _PICKLE
    if pickle.is_file() and not weights.is_file():
        return config, TorchFile(pickle)
    return config, SafetensorsFile(weights)


def write_adapter(
    directory: Path,
    config: LoRAConfig,
    tensors: Mapping[str, npt.NDArray[np.float32]],
    *,
    base_model: str | None,
) -> None:
    """Save an adapter so that PEFT's ``PeftModel.from_pretrained`` reads it.

    Parameters
    ----------
    directory : Path
        Made where it does not exist; its other files stay.
    config : LoRAConfig
        The adapter's settings.
    tensors : mapping of str to ndarray
        PEFT names and float32 values.
    base_model : str, optional
        Written as ``base_model_name_or_path``.

    Raises
    ------
    OSError
        When the disk refuses; an adapter that was there stays as it was.
    """
    options: dict[str, Any] = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "revision": None,
        "inference_mode": True,
        "r": config.r,
        "lora_alpha": config.lora_alpha,
        "lora_dropout": config.lora_dropout,
        "target_modules": config.saved_targets(
            name.removesuffix(".lora_A.weight") for name in tensors
        ),
        "exclude_modules": config.exclude_modules,
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "modules_to_save": None,
        "rank_pattern": dict(config.rank_pattern),
        "alpha_pattern": dict(config.alpha_pattern),
        "use_rslora": config.use_rslora,
        "use_dora": False,
        "layers_to_transform": config.layers_to_transform,
        "layers_pattern": None,
        "auto_mapping": None,
    }
    with staged_files(directory, obsolete=[CHECKSUMS]) as stage:
        write_json(stage / _CONFIG, options, sort_keys=True)
        write_tensors(stage / _WEIGHTS, tensors, {"format": "pt"})
