"""Reads the golden files of `Tests/Golden` and builds the engine's model from them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open

import vaccine_swift as vs

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "Golden"
LLAMAS = ("grouped_tied", "llama3_rope", "query_value_linear_rope", "untied_biases")
NAMES = (
    *LLAMAS,
    "opt_norm_first",
    "opt_norm_last_projected",
    "qwen2",
    "qwen3",
    "mistral_window",
    "smollm3",
    "olmo2",
    "gemma",
    "gemma2",
    "gemma3",
    "gpt_neox",
    "gpt_neox_sequential",
    "phi3",
)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class GoldenCase:
    """One file: its tensors by name and its metadata, decoded."""

    name: str
    tensors: dict[str, Array]
    config: dict[str, Any]
    lora: dict[str, Any]
    method: dict[str, Any]
    training: dict[str, Any]
    versions: dict[str, str]

    @property
    def rho(self) -> float:
        """Total norm of the perturbation."""
        return float(self.method["rho"])

    def expected(self, name: str) -> Array:
        """The tensor `expected/{name}`."""
        return self.tensors[f"expected/{name}"]

    def group(self, prefix: str) -> dict[str, Array]:
        """All tensors under `{prefix}/`, by the rest of their name."""
        return {
            name.removeprefix(f"{prefix}/"): values
            for name, values in self.tensors.items()
            if name.startswith(f"{prefix}/")
        }

    def examples(self, prefix: str = "batch") -> list[vs.Example]:
        """The sequences of a batch, in their order."""
        part = self.group(prefix)
        cuts = part["offsets"][1:-1]
        return [
            vs.Example(ids, labels)
            for ids, labels in zip(
                np.split(part["input_ids"], cuts),
                np.split(part["labels"], cuts),
                strict=True,
            )
        ]

    def batch(self, prefix: str = "batch") -> vs.Batch:
        """`batch` or `second_batch`, packed."""
        return vs.Batch.pack(self.examples(prefix))

    def model(self) -> vs.CausalLM:
        """The engine's model with the file's weights and adapter."""
        model = vs.CausalLM.from_config(self.config, seed=0)
        write_weights(model, self.group("weight"))
        model.add_adapter(
            vs.LoRAConfig(
                r=self.lora["r"],
                lora_alpha=self.lora["lora_alpha"],
                lora_dropout=0.0,
                target_modules=list(self.lora["target_modules"]),
            ),
            seed=0,
        )
        write_adapter(model, self.group("adapter"))
        return model


def load(name: str) -> GoldenCase:
    """Read one golden file."""
    with safe_open(FOLDER / f"{name}.safetensors", framework="numpy") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    fields = ("config", "lora", "method", "training", "versions")
    return GoldenCase(name, tensors, *(json.loads(metadata[key]) for key in fields))


def write_weights(model: vs.CausalLM, weights: dict[str, Array]) -> None:
    """Write base weights by Hugging Face name."""
    for name, values in weights.items():
        model._model.write("weight", name, values)


def write_adapter(model: vs.CausalLM, state: dict[str, Array]) -> None:
    """Write LoRA weights by PEFT name."""
    for name, values in state.items():
        model._model.write("adapter", name, np.ascontiguousarray(values, np.float32))


def relative_error(actual: Array, expected: Array) -> float:
    """‖actual - expected‖₂ / ‖expected‖₂ in float64."""
    difference = actual.astype(np.float64) - expected.astype(np.float64)
    scale = np.linalg.norm(expected.astype(np.float64).ravel())
    return float(np.linalg.norm(difference.ravel()) / scale)


def assert_states_agree(
    actual: dict[str, Array], expected: dict[str, Array], bound: float
) -> None:
    """The same names, and every array within `bound` in relative L2 error."""
    assert actual.keys() == expected.keys()
    errors = {
        name: relative_error(np.asarray(actual[name]), values)
        for name, values in expected.items()
    }
    worst = {name: error for name, error in errors.items() if not error <= bound}
    assert not worst, f"relative L2 error above {bound}: {worst}"
