"""Gemma 2: Gemma with norms around blocks, soft caps and a window in every other layer.

Defaults and meanings follow transformers' `Gemma2Config`. What Vaccine perturbs is the
output of ``o_proj``, before its norm and the residual add.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from vaccine_swift.families.blocks import layer_windows
from vaccine_swift.families.gemma import (
    GELU_TANH,
    GEMMA,
    GEMMA_GGUF,
    described_gemma,
)
from vaccine_swift.families.llama import GGUF_MODULES
from vaccine_swift.families.reader import ConfigurationReader

__all__ = ["GEMMA2", "GEMMA2_GGUF", "described_gemma2", "query_scalar"]

_LAYER: Final = "model.layers.{layer}"


def described_gemma2(
    reader: ConfigurationReader, rotary: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The description of a Gemma 2 or 3, but for windows and the cap of scores.

    Parameters
    ----------
    reader : ConfigurationReader
        Of a Gemma 2 or 3.
    rotary : mapping, optional
        As for `described_llama`.
    """
    reader.only("hidden_activation", GELU_TANH)
    reader.knows(("hidden_act",))
    described = described_gemma(reader, rotary) | {"norm_placement": "around"}
    scalar = reader.positive("query_pre_attn_scalar")
    if scalar is not None:
        described["attention_scale"] = scalar**-0.5
    return described | _cap(reader, "final_logit_softcapping", "logit_cap")


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    window = reader.value_or_null("sliding_window")
    return (
        described_gemma2(reader)
        | _cap(reader, "attn_logit_softcapping", "attention_cap")
        | layer_windows(reader, window, lambda layer: layer % 2 == 0)
    )


def _cap(reader: ConfigurationReader, key: str, own: str) -> dict[str, float]:
    """A soft cap under its name in the core; null switches it off."""
    cap = None if reader.value_or_null(key) is None else reader.positive(key)
    return {} if cap is None else {own: cap}


def query_scalar(config: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """What llama.cpp divides scores by the root of: C / H in the largest model.

    Parameters
    ----------
    config : mapping
        A Hugging Face configuration.
    layers : int
        By whose number llama.cpp knows the largest.
    """
    if config["num_hidden_layers"] != layers:
        return {"query_pre_attn_scalar": config["head_dim"]}
    return {
        "query_pre_attn_scalar": config["hidden_size"] // config["num_attention_heads"]
    }


GEMMA2_GGUF: Final = replace(
    GEMMA_GGUF,
    architecture="gemma2",
    modules={
        **GGUF_MODULES,
        "attention_output_norm": "post_attention_norm",
        "feed_forward_output_norm": "post_ffw_norm",
    },
    numbers={
        "attn_logit_softcapping": "attn_logit_softcapping",
        "final_logit_softcapping": "final_logit_softcapping",
    },
    derived=lambda config: query_scalar(config, layers=46),
)

GEMMA2: Final = replace(
    GEMMA,
    model_type="gemma2",
    architecture="Gemma2ForCausalLM",
    describe=_describe,
    defaults={
        "vocab_size": 256000,
        "hidden_size": 2304,
        "intermediate_size": 9216,
        "num_hidden_layers": 26,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-6,
        "hidden_activation": GELU_TANH,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "query_pre_attn_scalar": 256,
        "sliding_window": 4096,
        "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0,
    },
    modules={
        **GEMMA.modules,
        "attention_output_norm": f"{_LAYER}.post_attention_layernorm",
        "feed_forward_norm": f"{_LAYER}.pre_feedforward_layernorm",
        "feed_forward_output_norm": f"{_LAYER}.post_feedforward_layernorm",
    },
    gguf=GEMMA2_GGUF,
)
