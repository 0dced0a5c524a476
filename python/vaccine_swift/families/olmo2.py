"""OLMo 2: Llama whose norms stand after the blocks, and one over all of q and of k.

Defaults and meanings follow transformers' `Olmo2Config`. What Vaccine perturbs is the
output of ``o_proj``, before its norm and the residual add.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from vaccine_swift.families.family import GGUFNames
from vaccine_swift.families.llama import GGUF_MODULES, LLAMA, described_llama
from vaccine_swift.families.qwen3 import QUERY_KEY_NORMS
from vaccine_swift.families.reader import ConfigurationReader

__all__ = ["OLMO2"]

_LAYER: Final = "model.layers.{layer}"


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    bias = reader.flag("attention_bias")
    described = described_llama(
        reader,
        query_key_value_bias=bias,
        attention_output_bias=bias,
        feed_forward_bias=False,
    )
    return described | {"norm_placement": "output", "query_key_norm": "all_heads"}


OLMO2: Final = replace(
    LLAMA,
    model_type="olmo2",
    architecture="Olmo2ForCausalLM",
    describe=_describe,
    defaults={
        "vocab_size": 50304,
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": None,  # as many as query heads
        "head_dim": None,  # hidden_size / num_attention_heads
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "attention_bias": False,
    },
    modules={
        **LLAMA.modules,
        **QUERY_KEY_NORMS,
        "attention_norm": f"{_LAYER}.post_attention_layernorm",
        "feed_forward_norm": f"{_LAYER}.post_feedforward_layernorm",
    },
    gguf=GGUFNames(
        architecture="olmo2",
        modules={
            **GGUF_MODULES,
            "query_norm": "attn_q_norm",
            "key_norm": "attn_k_norm",
            "attention_norm": "post_attention_norm",
            "feed_forward_norm": "post_ffw_norm",
        },
    ),
)
