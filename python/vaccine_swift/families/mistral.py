"""Mistral without a sliding window: Llama with other defaults.

Defaults follow transformers' `MistralConfig`. Its GGUF files say "llama".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vaccine_swift.families.llama import LLAMA

__all__ = ["MISTRAL"]

MISTRAL: Final = replace(
    LLAMA,
    model_type="mistral",
    architecture="MistralForCausalLM",
    defaults={
        **LLAMA.defaults,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "sliding_window": 4096,
    },
    gguf=None,
)
