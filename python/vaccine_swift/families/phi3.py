"""Phi-3 and Phi-4-mini: fused projections, LongRoPE, heads turned in part, windows.

Defaults and meanings follow transformers' `Phi3Config`. What Vaccine perturbs is the
output of ``o_proj``, before the residual add. With LongRoPE a sequence of more tokens
than ``original_max_position_embeddings`` is turned by the long factors as a whole, as
transformers does when it is alone. Dropout of the blocks is not made; LoRA's is.
"""

from __future__ import annotations

from typing import Any, Final

from vaccine_swift.families.blocks import grouped_heads, layer_windows, sizes
from vaccine_swift.families.family import Family, GGUFNames
from vaccine_swift.families.reader import ConfigurationReader
from vaccine_swift.families.rotary import (
    ROTARY_KEYS,
    partial_rotary,
    rotary_configuration,
)

__all__ = ["PHI3"]

_LAYER: Final = "model.layers.{layer}"
# Older configurations have other names for LongRoPE.
_KINDS: Final = {"default": "default", "longrope": "longrope", "su": "longrope"}
_KINDS["yarn"] = "longrope"
_BIASES: Final = ("attention_bias", "mlp_bias", "lm_head_bias")


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    reader.only("hidden_act", "silu", "swish")
    reader.knows((*ROTARY_KEYS, "partial_rotary_factor"))
    reader.knows(("original_max_position_embeddings", "resid_pdrop", "embd_pdrop"))
    reader.knows(("full_attn_mod", "interpolate_factor"))
    for key in _BIASES:
        if reader.value(key):
            reader.faults.append(f"{key} = True is not implemented")
    heads = grouped_heads(reader, even=False)
    rotary = {
        **rotary_configuration(
            reader.values, reader.faults, kinds=_KINDS, partial=True
        ),
        **partial_rotary(
            reader.values, reader.faults, head_size=heads.get("head_size")
        ),
    }
    return {
        **sizes(reader),
        "norm": "rms",
        "norm_epsilon": reader.positive("rms_norm_eps"),
        "positions": "rotary",
        **rotary,
        **heads,
        **layer_windows(reader, reader.value("sliding_window"), lambda _layer: True),
        "query_key_value": "fused",
        "query_key_value_bias": False,
        "attention_output_bias": False,
        "feed_forward": "gated_silu",
        "gate_up": "fused",
        "feed_forward_size": reader.size("intermediate_size"),
        "feed_forward_bias": False,
    }


PHI3: Final = Family(
    model_type="phi3",
    architecture="Phi3ForCausalLM",
    describe=_describe,
    defaults={
        "vocab_size": 32064,
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": None,  # as many as query heads
        "head_dim": None,  # hidden_size / num_attention_heads
        "hidden_act": "silu",
        "max_position_embeddings": 4096,
        "original_max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "sliding_window": None,
    },
    modules={
        "embedding": "model.embed_tokens",
        "attention_norm": f"{_LAYER}.input_layernorm",
        "query_key_value": f"{_LAYER}.self_attn.qkv_proj",
        "attention_output": f"{_LAYER}.self_attn.o_proj",
        "feed_forward_norm": f"{_LAYER}.post_attention_layernorm",
        "gate_up": f"{_LAYER}.mlp.gate_up_proj",
        "down": f"{_LAYER}.mlp.down_proj",
        "final_norm": "model.norm",
        "head": "lm_head",
    },
    lora_targets=("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    gguf=GGUFNames(
        architecture="phi3",
        modules={
            "embedding": "token_embd",
            "attention_norm": "attn_norm",
            "query_key_value": "attn_qkv",
            "attention_output": "attn_output",
            "feed_forward_norm": "ffn_norm",
            "gate_up": "ffn_up",
            "down": "ffn_down",
            "final_norm": "output_norm",
            "head": "output",
        },
    ),
)
