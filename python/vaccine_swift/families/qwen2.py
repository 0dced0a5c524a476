"""Qwen 2 and 2.5: Llama with biases on q, k and v.

Defaults and meanings follow transformers' `Qwen2Config`. What Vaccine perturbs is the
output of ``o_proj``, before the residual add.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from vaccine_swift._arguments import is_within
from vaccine_swift.families.blocks import layer_windows
from vaccine_swift.families.family import GGUFNames
from vaccine_swift.families.llama import GGUF_MODULES, LLAMA, described_llama
from vaccine_swift.families.reader import ConfigurationReader

__all__ = ["QWEN2", "upper_windows"]


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    described = described_llama(
        reader,
        query_key_value_bias=True,
        attention_output_bias=False,
        feed_forward_bias=False,
    )
    return described | upper_windows(reader)


def upper_windows(reader: ConfigurationReader) -> dict[str, Any]:
    """Qwen's windows: where they are switched on, of the layers above some index."""
    switched_on = reader.flag("use_sliding_window")
    window = reader.value_or_null("sliding_window")
    first = reader.value("max_window_layers")
    if not is_within(
        "max_window_layers", first, reader.faults, minimum=0, integer=True
    ):
        return {}
    return layer_windows(
        reader, window if switched_on else None, lambda layer: layer >= first
    )


QWEN2: Final = replace(
    LLAMA,
    model_type="qwen2",
    architecture="Qwen2ForCausalLM",
    describe=_describe,
    defaults={
        "vocab_size": 151936,
        "hidden_size": 4096,
        "intermediate_size": 22016,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "head_dim": None,  # hidden_size / num_attention_heads
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "sliding_window": 4096,
        "use_sliding_window": False,
        "max_window_layers": 28,
    },
    gguf=GGUFNames(architecture="qwen2", modules=GGUF_MODULES),
)
