"""Gemma: Llama with a scaled embedding, norms that add 1 to their weights, and GELU.

Defaults and meanings follow transformers' `GemmaConfig`. What Vaccine perturbs is the
output of ``o_proj``, before the residual add.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from vaccine_swift.families.family import GGUFNames
from vaccine_swift.families.llama import GGUF_MODULES, LLAMA, described_llama
from vaccine_swift.families.reader import ConfigurationReader

__all__ = ["GELU_TANH", "GEMMA", "GEMMA_GGUF", "described_gemma"]

GELU_TANH: Final = "gelu_pytorch_tanh"
"""What transformers calls the activation of every Gemma."""


def described_gemma(
    reader: ConfigurationReader, rotary: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The description of a Gemma, in what all of its generations share.

    The embedding is multiplied by √C in float32; in bfloat16, as transformers does, by
    the bfloat16 number nearest to it.

    Parameters
    ----------
    reader : ConfigurationReader
        Of a Gemma.
    rotary : mapping, optional
        As for `described_llama`.
    """
    bias = reader.flag("attention_bias")
    described = described_llama(
        reader,
        query_key_value_bias=bias,
        attention_output_bias=bias,
        feed_forward_bias=False,
        feed_forward="gated_gelu_tanh",
        rotary=rotary,
    )
    hidden = described["hidden_size"]
    scale = {} if hidden is None else {"embedding_scale": math.sqrt(hidden)}
    return described | {"norm_offset": 1.0} | scale


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    # transformers reads "gelu", as the first checkpoints have it, as GELU by tanh.
    reader.only("hidden_act", GELU_TANH, "gelu")
    if reader.value("hidden_activation") is not None:
        reader.only("hidden_activation", GELU_TANH)
    return described_gemma(reader)


GEMMA_GGUF: Final = GGUFNames(
    architecture="gemma", modules=GGUF_MODULES, norms_with_offset=True
)

GEMMA: Final = replace(
    LLAMA,
    model_type="gemma",
    architecture="GemmaForCausalLM",
    describe=_describe,
    defaults={
        "vocab_size": 256000,
        "hidden_size": 3072,
        "intermediate_size": 24576,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
        "head_dim": 256,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-6,
        "hidden_act": GELU_TANH,
        "tie_word_embeddings": True,
        "attention_bias": False,
    },
    lora_targets=("q_proj", "v_proj"),
    gguf=GEMMA_GGUF,
)
