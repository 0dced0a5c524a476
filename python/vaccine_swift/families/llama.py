"""Llama 2 and 3, Vicuna, SmolLM2: RMS norm, rotary positions, gated SiLU.

Defaults and meanings follow transformers' `LlamaConfig`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vaccine_swift.families.blocks import grouped_heads, sizes
from vaccine_swift.families.family import Family, GGUFNames
from vaccine_swift.families.reader import ConfigurationReader
from vaccine_swift.families.rotary import ROTARY_KEYS, rotary_configuration

__all__ = ["GGUF_MODULES", "LLAMA", "described_llama"]

_LAYER: Final = "model.layers.{layer}"


def described_llama(
    reader: ConfigurationReader,
    *,
    query_key_value_bias: bool,
    attention_output_bias: bool,
    feed_forward_bias: bool,
    feed_forward: str = "gated_silu",
    rotary: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The description of a Llama and of its relatives, which differ in biases.

    Parameters
    ----------
    reader : ConfigurationReader
        Of a family with Llama's keys.
    query_key_value_bias, attention_output_bias, feed_forward_bias : bool
        Which linear maps have one.
    feed_forward : str
        The core's word for the activation; another than Llama's is the caller's to
        check.
    rotary : mapping, optional
        The rotary fields; None: they are read as Llama spells them.
    """
    if feed_forward == "gated_silu":
        reader.only("hidden_act", "silu", "swish")
    reader.knows(ROTARY_KEYS)
    if rotary is None:
        rotary = rotary_configuration(reader.values, reader.faults)
    return {
        **sizes(reader),
        "norm": "rms",
        "norm_epsilon": reader.positive("rms_norm_eps"),
        "positions": "rotary",
        **rotary,
        **grouped_heads(reader, even=True),
        "query_key_value_bias": query_key_value_bias,
        "attention_output_bias": attention_output_bias,
        "feed_forward": feed_forward,
        "feed_forward_size": reader.size("intermediate_size"),
        "feed_forward_bias": feed_forward_bias,
    }


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    attention_bias = reader.flag("attention_bias")
    _refuse_window(reader)
    return described_llama(
        reader,
        query_key_value_bias=attention_bias,
        attention_output_bias=attention_bias,
        feed_forward_bias=reader.flag("mlp_bias"),
    )


def _refuse_window(reader: ConfigurationReader) -> None:
    """Refuse a window below the context, which transformers does not apply to Llama."""
    window = reader.value("sliding_window")
    context = reader.value("max_position_embeddings")
    if (
        window is not None
        and reader.is_size("sliding_window", window)
        and isinstance(context, int)
        and window < context
    ):
        reader.faults.append(
            f"sliding_window {window} below max_position_embeddings {context} is not "
            "implemented for Llama: transformers' Llama has no window, so nobody can "
            "tell what the model was trained with; its layers are Mistral's, whose "
            "model_type 'mistral' has one"
        )


GGUF_MODULES: Final = {
    "embedding": "token_embd",
    "attention_norm": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "attention_output": "attn_output",
    "feed_forward_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
    "final_norm": "output_norm",
    "head": "output",
}
"""The names in GGUF files of a Llama's modules, and of its relatives'."""

LLAMA: Final = Family(
    model_type="llama",
    architecture="LlamaForCausalLM",
    describe=_describe,
    defaults={
        "num_key_value_heads": None,  # as many as query heads
        "head_dim": None,  # hidden_size / num_attention_heads
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
        "sliding_window": None,
    },
    modules={
        "embedding": "model.embed_tokens",
        "attention_norm": f"{_LAYER}.input_layernorm",
        "query": f"{_LAYER}.self_attn.q_proj",
        "key": f"{_LAYER}.self_attn.k_proj",
        "value": f"{_LAYER}.self_attn.v_proj",
        "attention_output": f"{_LAYER}.self_attn.o_proj",
        "feed_forward_norm": f"{_LAYER}.post_attention_layernorm",
        "gate": f"{_LAYER}.mlp.gate_proj",
        "up": f"{_LAYER}.mlp.up_proj",
        "down": f"{_LAYER}.mlp.down_proj",
        "final_norm": "model.norm",
        "head": "lm_head",
    },
    lora_targets=(
        *("q_proj", "k_proj", "v_proj", "o_proj"),
        *("gate_proj", "up_proj", "down_proj"),
    ),
    gguf=GGUFNames(
        architecture="llama",
        modules=GGUF_MODULES,
        paired_rows={"query": "num_attention_heads", "key": "num_key_value_heads"},
    ),
)
