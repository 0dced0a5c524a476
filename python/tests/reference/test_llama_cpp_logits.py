"""Logits of GGUF files against llama.cpp, where ``llama-cpp-python`` is installed.

The files are of random weights, with sequences longer than any window: names, orders of
rows, norms, scales, caps and rotary bases are what llama.cpp takes them for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoint_files as files
import golden
import numpy as np
import pytest
import sentencepiece_models as spm
from rounding import largest_error

import vaccine_swift as vs

llama_cpp: Any = pytest.importorskip("llama_cpp", reason="needs llama-cpp-python")
pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

CASES = (
    *("grouped_tied", "qwen2", "qwen3", "smollm3", "olmo2", "gpt_neox", "phi3"),
    *("gemma", "gemma2", "gemma3"),
)
LAYERS = 7
# llama.cpp takes GELU from a table of float16 numbers.
BOUNDS = {"gelu": 2e-3, "silu": 2e-5}
GELU = ("gemma", "gpt_neox")


def logits_of_llama_cpp(path: Path, ids: list[int]) -> np.ndarray:
    """Its logits of every token, with keys and values kept in float32."""
    float32 = llama_cpp.GGML_TYPE_F32
    model = llama_cpp.Llama(
        str(path),
        n_ctx=64,
        n_threads=1,
        logits_all=True,
        type_k=float32,
        type_v=float32,
        verbose=False,
    )
    model.eval(ids)
    return np.array(model.scores[: len(ids)])


@pytest.mark.parametrize("name", CASES)
def test_logits_are_llama_cpps(tmp_path: Path, name: str) -> None:
    model_file = spm.trained("gemma", tmp_path / "tokenizer.model")
    metadata = spm.gguf_metadata(model_file, add_space_prefix=False)
    vocabulary = len(metadata["tokenizer.ggml.tokens"])
    changes = {"vocab_size": vocabulary, "num_hidden_layers": LAYERS}
    config = golden.load(name).config | changes
    if "query_pre_attn_scalar" in config:
        config["query_pre_attn_scalar"] = config["head_dim"]
    if "sliding_window_pattern" in config:
        config["sliding_window_pattern"] = 6
    if name == "olmo2":
        config["tie_word_embeddings"] = False  # llama.cpp wants a head of its own
    if name == "phi3":
        config["sliding_window"] = None  # llama.cpp leaves its window out
    generator = np.random.default_rng(7)
    weights = {}
    for tensor, shape in vs.CausalLM.from_config(config)._shapes("weight").items():
        values = generator.normal(0, 0.2, shape)
        is_norm = len(shape) == 1 and tensor.endswith("norm.weight")
        weights[tensor] = (values + (is_norm and "gemma" not in name)).astype("f4")
    path = files.write_gguf(tmp_path / "model.gguf", config, weights, metadata=metadata)
    ids = generator.integers(3, vocabulary, 40).tolist()
    found = vs.CausalLM.from_pretrained(path).logits(np.array(ids))
    kind = "gelu" if name.startswith(GELU) else "silu"
    assert largest_error(found, logits_of_llama_cpp(path, ids)) <= BOUNDS[kind]
