"""Small models and batches for the tests of the binary module."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from vaccine_swift import _core
from vaccine_swift.families.llama import LLAMA

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def configuration(**changes: Any) -> dict[str, Any]:
    """Two layers of width 16 over a vocabulary of 32, grouped KV."""
    return {
        "vocabulary_size": 32,
        "hidden_size": 16,
        "feed_forward_size": 24,
        "layer_count": 2,
        "head_count": 4,
        "key_value_head_count": 2,
        "head_size": 4,
        "context_length": 64,
        "norm_epsilon": 1e-5,
        "tied_embeddings": False,
        "query_key_value_bias": False,
        "attention_output_bias": False,
        "feed_forward_bias": False,
        "rotary_scaling": "default",
        "rotary_base": 10000.0,
        "rotary_factor": 1.0,
        "rotary_low_frequency_factor": 1.0,
        "rotary_high_frequency_factor": 4.0,
        "rotary_original_context_length": 64,
        "precision": "float32",
        "norm": "rms",
        "positions": "rotary",
        "feed_forward": "gated_silu",
        **{f"names.{module}": name for module, name in LLAMA.modules.items()},
    } | changes


def random_model(*, rank: int = 2, seed: int = 0, **changes: Any) -> _core.Model:
    """A random model with an adapter that is not zero."""
    model = _core.Model(configuration(**changes))
    model.initialise(seed)
    count = len(TARGETS)
    model.add_adapter(TARGETS, [rank] * count, [4.0 / rank] * count, 0.0, seed)
    generator = np.random.default_rng(seed)
    for name, shape in model.tensors("adapter"):
        model.write("adapter", name, generator.normal(0, 0.1, shape))
    return model


def large_model() -> _core.Model:
    """A model whose step on `large_batch` takes seconds."""
    return random_model(
        rank=8,
        vocabulary_size=2000,
        hidden_size=256,
        feed_forward_size=768,
        layer_count=8,
        head_count=4,
        key_value_head_count=4,
        head_size=64,
        context_length=512,
    )


def large_batch(sequences: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sequences of 512 tokens, all supervised."""
    ids = np.random.default_rng(1).integers(0, 2000, 512 * sequences, dtype=np.int32)
    return ids, ids, np.arange(sequences + 1, dtype=np.int32) * 512


def small_batch() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sequences of 3 and 4 tokens."""
    ids = np.array([1, 5, 9, 2, 7, 30, 4], np.int32)
    return ids, np.where(ids == 5, -100, ids), np.array([0, 3, 7], np.int32)


STEP: dict[str, Any] = {
    "perturbation": "worst",
    "rho": 2.0,
    "weight": 1.0,
    "seed": 0,
    "stream": 0,
}


def step(model: _core.Model, batch: Any = None, **changes: Any) -> dict[str, Any]:
    """One forward_backward with ρ = 2."""
    return model.forward_backward(*(batch or small_batch()), **(STEP | changes))


def gradients(model: _core.Model) -> dict[str, np.ndarray]:
    """All gradients by name."""
    return {
        name: np.asarray(model.read("gradient", name))
        for name, _ in model.tensors("gradient")
    }


def run_script(script: str, *, timeout: float = 120) -> str:
    """Run a script in a process of its own; a crash or an exception fails the test."""
    preamble = "import faulthandler; faulthandler.enable()\n"
    preamble += "from core_support import *\nfrom vaccine_swift import _core\n"
    result = subprocess.run(
        [sys.executable, "-c", preamble + textwrap.dedent(script)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=timeout * float(os.environ.get("VACCINE_PATIENCE", "1")),
        check=False,
    )
    assert result.returncode == 0, f"exit {result.returncode}\n{result.stderr}"
    return result.stdout
