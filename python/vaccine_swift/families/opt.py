"""OPT: layer norm, learned positions, ReLU, biases everywhere.

Defaults and meanings follow transformers' `OPTConfig`. What Vaccine perturbs is the
output of ``out_proj``, before the residual add; in opt-350m, whose norms stand after
the adds (``do_layer_norm_before`` false), that is before the norm as well. Of the
authors' LoRA targets OPT has q, k and v. Its dropout is not made; LoRA's is.
"""

from __future__ import annotations

from typing import Any, Final

from vaccine_swift.families.blocks import grouped_heads, sizes
from vaccine_swift.families.family import Family
from vaccine_swift.families.reader import ConfigurationReader

__all__ = ["OPT"]

_DECODER: Final = "model.decoder"
_LAYER: Final = f"{_DECODER}.layers.{{layer}}"
# Embeddings of the first two positions are those of padding.
_POSITION_OFFSET: Final = 2
_EPSILON: Final = 1e-5


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    before = reader.flag("do_layer_norm_before")
    removed = reader.flag("_remove_final_layer_norm")
    bias = reader.flag("enable_bias")
    width = reader.value("word_embed_proj_dim")
    reader.only("activation_function", "relu")
    if reader.flag("layer_norm_elementwise_affine") is False:
        reader.faults.append("layer_norm_elementwise_affine = False is not implemented")
    reader.knows(("dropout", "layerdrop", "init_std"))
    described = {
        **sizes(reader),
        "norm": "layer",
        "norm_epsilon": _EPSILON,
        "norm_placement": "before" if before else "after",
        "final_norm": bool(before and not removed),
        "positions": "learned",
        "position_offset": _POSITION_OFFSET,
        **grouped_heads(reader, even=False),
        "query_key_value_bias": bias,
        "attention_output_bias": bias,
        "feed_forward": "relu",
        "feed_forward_size": reader.size("ffn_dim"),
        "feed_forward_bias": bias,
    }
    if width is not None and reader.is_size("word_embed_proj_dim", width):
        described["embedding_size"] = width
    return described


OPT: Final = Family(
    model_type="opt",
    architecture="OPTForCausalLM",
    describe=_describe,
    defaults={
        "vocab_size": 50272,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "ffn_dim": 3072,
        "max_position_embeddings": 2048,
        "num_attention_heads": 12,
        "do_layer_norm_before": True,
        "_remove_final_layer_norm": False,
        "word_embed_proj_dim": None,  # hidden_size
        "activation_function": "relu",
        "enable_bias": True,
        "layer_norm_elementwise_affine": True,
        "tie_word_embeddings": True,
    },
    modules={
        "embedding": f"{_DECODER}.embed_tokens",
        "embedding_projection": f"{_DECODER}.project_in",
        "positions": f"{_DECODER}.embed_positions",
        "attention_norm": f"{_LAYER}.self_attn_layer_norm",
        "query": f"{_LAYER}.self_attn.q_proj",
        "key": f"{_LAYER}.self_attn.k_proj",
        "value": f"{_LAYER}.self_attn.v_proj",
        "attention_output": f"{_LAYER}.self_attn.out_proj",
        "feed_forward_norm": f"{_LAYER}.final_layer_norm",
        "up": f"{_LAYER}.fc1",
        "down": f"{_LAYER}.fc2",
        "final_norm": f"{_DECODER}.final_layer_norm",
        "head_projection": f"{_DECODER}.project_out",
        "head": "lm_head",
    },
    lora_targets=("q_proj", "k_proj", "v_proj"),
)
