"""GPT-NeoX and Pythia: parallel blocks, layer norm, heads turned in part, GELU.

Defaults and meanings follow transformers' `GPTNeoXConfig`. What Vaccine perturbs is the
output of ``dense``, before the sum of the residual stream and both blocks, or before
the residual add where the blocks follow each other (``use_parallel_residual`` false).
Queries, keys and values are one linear map, whose rows go head by head; GGUF files hold
all queries, all keys, all values. Dropout of the blocks is not made; LoRA's is.
"""

from __future__ import annotations

from typing import Any, Final

from vaccine_swift.families.blocks import grouped_heads, plain_activation, sizes
from vaccine_swift.families.family import Family, GGUFNames
from vaccine_swift.families.reader import ConfigurationReader
from vaccine_swift.families.rotary import (
    ROTARY_KEYS,
    partial_rotary,
    rotary_configuration,
)

__all__ = ["GPT_NEOX"]

_LAYER: Final = "gpt_neox.layers.{layer}"


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    bias = reader.flag("attention_bias")
    parallel = reader.flag("use_parallel_residual")
    reader.knows((*ROTARY_KEYS, "rotary_pct", "rotary_emb_base"))
    reader.knows(("hidden_dropout", "classifier_dropout"))
    heads = grouped_heads(reader, even=False)
    values = {
        key: value for key, value in reader.values.items() if key != "rope_theta"
    } | {"rope_theta": reader.value("rotary_emb_base")}
    return {
        **sizes(reader),
        "norm": "layer",
        "norm_epsilon": reader.positive("layer_norm_eps"),
        "residual": "parallel" if parallel else "sequential",
        "positions": "rotary",
        **rotary_configuration(values, reader.faults, partial=True),
        **partial_rotary(
            values,
            reader.faults,
            head_size=heads.get("head_size"),
            share_key="rotary_pct",
        ),
        **heads,
        "query_key_value": "fused_by_head",
        "query_key_value_bias": bias,
        "attention_output_bias": bias,
        "feed_forward": plain_activation(reader, "hidden_act"),
        "feed_forward_size": reader.size("intermediate_size"),
        "feed_forward_bias": True,
    }


GPT_NEOX: Final = Family(
    model_type="gpt_neox",
    architecture="GPTNeoXForCausalLM",
    describe=_describe,
    defaults={
        "vocab_size": 50432,
        "hidden_size": 6144,
        "num_hidden_layers": 44,
        "num_attention_heads": 64,
        "intermediate_size": 24576,
        "hidden_act": "gelu",
        "rotary_pct": 0.25,
        "rotary_emb_base": 10000,
        "max_position_embeddings": 2048,
        "layer_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        "use_parallel_residual": True,
        "attention_bias": True,
    },
    modules={
        "embedding": "gpt_neox.embed_in",
        "attention_norm": f"{_LAYER}.input_layernorm",
        "query_key_value": f"{_LAYER}.attention.query_key_value",
        "attention_output": f"{_LAYER}.attention.dense",
        "feed_forward_norm": f"{_LAYER}.post_attention_layernorm",
        "up": f"{_LAYER}.mlp.dense_h_to_4h",
        "down": f"{_LAYER}.mlp.dense_4h_to_h",
        "final_norm": "gpt_neox.final_layer_norm",
        "head": "embed_out",
    },
    lora_targets=("query_key_value",),
    gguf=GGUFNames(
        architecture="gptneox",
        modules={
            "embedding": "token_embd",
            "attention_norm": "attn_norm",
            "query_key_value": "attn_qkv",
            "attention_output": "attn_output",
            "feed_forward_norm": "ffn_norm",
            "up": "ffn_up",
            "down": "ffn_down",
            "final_norm": "output_norm",
            "head": "output",
        },
        numbers={
            "attention.layer_norm_epsilon": "layer_norm_eps",
            "rope.freq_base": "rotary_emb_base",
        },
        stacked_rows={"query_key_value": "num_attention_heads"},
    ),
    class_names={"head": "lm_head"},
)
