"""SmolLM2-135M-Instruct from one GGUF file: the engine against transformers."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift.assets import fetch_smollm2

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

# Logits reach 30; both sides compute in float32 through 30 layers.
LOGITS = 2e-3
NEW_TOKENS = 64

PROMPTS = (
    "The capital of France is",
    "Once upon a time, in a village by the sea,",
    "def fibonacci(n):\n",
    "To bake a loaf of bread you need",
    "1, 2, 3, 5, 8,",
    "Die Katze sitzt auf",
    "Water boils at 100 degrees because",
    "The three laws of motion say that",
)


@pytest.fixture(scope="module")
def gguf() -> Path:
    """The file, fetched once."""
    return fetch_smollm2()


@pytest.fixture(scope="module")
def model(gguf: Path) -> vs.CausalLM:
    """The engine's model."""
    return vs.CausalLM.from_pretrained(gguf)


@pytest.fixture(scope="module")
def torch_model(oracle: SimpleNamespace, gguf: Path) -> Any:
    """The same file as transformers reads it, float32."""
    from transformers import AutoModelForCausalLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return AutoModelForCausalLM.from_pretrained(
            str(gguf.parent), gguf_file=gguf.name, dtype=oracle.torch.float32
        ).eval()


def test_logits_equal_those_of_transformers(
    oracle: SimpleNamespace, model: vs.CausalLM, torch_model: Any
) -> None:
    text = " ".join(PROMPTS) * 4
    for prompt in (*PROMPTS, text):
        ids = model.tokenizer.encode(prompt)
        with oracle.torch.no_grad():
            expected = torch_model(oracle.torch.tensor([ids])).logits[0].numpy()
        actual = model.logits(np.array(ids, np.int32))
        np.testing.assert_allclose(actual, expected, rtol=0, atol=LOGITS)


def test_greedy_tokens_equal_those_of_transformers(
    oracle: SimpleNamespace, model: vs.CausalLM, torch_model: Any
) -> None:
    prompts = [model.tokenizer.encode(prompt) for prompt in PROMPTS]
    actual = model.generate_ids(prompts, max_new_tokens=NEW_TOKENS, end_tokens=())
    torch_model.generation_config.eos_token_id = None
    for prompt, tokens in zip(prompts, actual, strict=True):
        output = torch_model.generate(
            oracle.torch.tensor([prompt]),
            attention_mask=oracle.torch.ones(1, len(prompt), dtype=oracle.torch.int64),
            max_new_tokens=NEW_TOKENS,
            do_sample=False,
            pad_token_id=0,
        )
        assert len(tokens) == NEW_TOKENS
        assert list(tokens) == output[0, len(prompt) :].tolist()
