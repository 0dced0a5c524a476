"""Mistral: Llama with other defaults, whose positions see back to a sliding window.

Defaults follow transformers' `MistralConfig`. Its GGUF files say "llama".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from vaccine_swift.families.blocks import layer_windows
from vaccine_swift.families.llama import LLAMA, described_llama
from vaccine_swift.families.reader import ConfigurationReader

__all__ = ["MISTRAL"]


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    window = reader.value_or_null("sliding_window")
    attention_bias = reader.flag("attention_bias")
    described = described_llama(
        reader,
        query_key_value_bias=attention_bias,
        attention_output_bias=attention_bias,
        feed_forward_bias=reader.flag("mlp_bias"),
    )
    return described | layer_windows(reader, window, lambda _layer: True)


MISTRAL: Final = replace(
    LLAMA,
    model_type="mistral",
    architecture="MistralForCausalLM",
    describe=_describe,
    defaults={
        **LLAMA.defaults,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "sliding_window": 4096,
    },
    gguf=None,
)
