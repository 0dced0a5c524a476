"""A tiny model, examples and trainers for the tests of training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import vaccine_swift as vs

CONFIG = {
    "model_type": "llama",
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}


def tiny_model(*, dropout: float = 0.0, seed: int = 0) -> vs.CausalLM:
    """A random model whose adapter is not zero."""
    model = vs.CausalLM.from_config(CONFIG, seed=seed)
    model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=4, lora_dropout=dropout), seed=seed)
    generator = np.random.default_rng(seed)
    for name, value in model.adapter_state().items():
        values = generator.normal(0, 0.2, value.shape).astype(np.float32)
        model._model.write("adapter", name, values)
    return model


def examples(count: int, *, seed: int = 0) -> list[vs.Example]:
    """Examples of 3 to 12 tokens; an uneven share of them is supervised."""
    generator = np.random.default_rng(seed)
    result = []
    for _ in range(count):
        ids = generator.integers(0, 32, generator.integers(3, 13))
        prompt = generator.integers(1, len(ids))
        labels = np.where(np.arange(len(ids)) < prompt, -100, ids)
        result.append(vs.Example(ids, labels))
    return result


def trainer(
    output_dir: Path,
    *,
    model: vs.CausalLM | None = None,
    data: list[vs.Example] | None = None,
    evaluation: list[vs.Example] | None = None,
    method: Any = None,
    callbacks: list[Any] | None = None,
    streams: dict[str, list[vs.Example]] | None = None,
    collective: Any = None,
    rho_scope: Any = "batch",
    **arguments: Any,
) -> vs.Trainer:
    """A quiet trainer of 12 examples in batches of 2, without checkpoints."""
    settings: dict[str, Any] = {
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 2,
        "num_train_epochs": 1,
        "save_strategy": "no",
        "disable_tqdm": True,
    }
    return vs.Trainer(
        model or tiny_model(),
        vs.TrainingArguments(str(output_dir), **(settings | arguments)),
        train_dataset=examples(12) if data is None else data,
        eval_dataset=evaluation,
        method=vs.Vaccine(rho=2.0) if method is None else method,
        callbacks=callbacks,
        streams=streams,
        collective=collective,
        rho_scope=rho_scope,
    )


class Recorder(vs.TrainerCallback):
    """Keeps the gradients, the weights before each update, and each step's numbers."""

    def __init__(self) -> None:
        self.gradients: list[dict[str, np.ndarray]] = []
        self.weights: list[dict[str, np.ndarray]] = []
        self.metrics: list[Mapping[str, float]] = []

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        self.gradients.append(kwargs["model"].gradients())
        self.weights.append(kwargs["model"].adapter_state())

    def on_step_end(self, args, state, control, **kwargs):
        self.metrics.append(kwargs["metrics"])


class At(vs.TrainerCallback):
    """Calls a function at an event of one optimiser step, counted from 1."""

    def __init__(self, event: str, step: int, function: Any) -> None:
        def call(args, state, control, **kwargs):
            if state.global_step == step:
                function()

        setattr(self, event, call)


def adapter_bytes(model: vs.CausalLM) -> bytes:
    """All adapter weights, one after the other."""
    return b"".join(value.tobytes() for value in model.adapter_state().values())


def without_times(log_history: list[dict[str, float]]) -> list[dict[str, float]]:
    """Log entries without what depends on the clock."""
    return [
        {
            name: value
            for name, value in entry.items()
            if not name.endswith(("_runtime", "_per_second"))
        }
        for entry in log_history
    ]


def relative_error(value: np.ndarray, expected: np.ndarray) -> float:
    """L2 norm of the difference over that of `expected`."""
    return float(np.linalg.norm(value - expected) / np.linalg.norm(expected))


def saved_steps(output_dir: Path) -> list[int]:
    """The steps whose checkpoints are in a folder."""
    return sorted(int(path.name[11:]) for path in output_dir.glob("checkpoint-*"))
