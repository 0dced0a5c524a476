"""Adapters as PEFT writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

IDS = [3, 1, 4, 1, 5, 9, 2, 6]
OPTIONS = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "r": 4,
    "lora_alpha": 6,
    "lora_dropout": 0.1,
    "bias": "none",
    "target_modules": ["v_proj", "q_proj"],
}


def write_adapter(
    directory: Path, options: dict[str, Any], tensors: dict[str, np.ndarray]
) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "adapter_config.json").write_text(json.dumps(options))
    save_file(tensors, directory / "adapter_model.safetensors")
    return directory


def random_tensors(
    rank: int = 4, modules: tuple[str, ...] = ("q_proj", "v_proj")
) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    outputs = {"q_proj": 32, "v_proj": 16}
    tensors = {}
    for layer in range(2):
        for module in modules:
            prefix = f"base_model.model.model.layers.{layer}.self_attn.{module}"
            for part, shape in (("A", (rank, 32)), ("B", (outputs[module], rank))):
                values = generator.normal(0, 0.3, shape).astype(np.float32)
                tensors[f"{prefix}.lora_{part}.weight"] = values
    return tensors
