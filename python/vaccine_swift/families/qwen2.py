"""Qwen 2 and 2.5: Llama with biases on q, k and v.

Defaults and meanings follow transformers' `Qwen2Config`. What Vaccine perturbs is the
output of ``o_proj``, before the residual add.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from vaccine_swift.families.blocks import check_window, grouped_heads, sizes
from vaccine_swift.families.llama import LLAMA
from vaccine_swift.families.reader import ConfigurationReader
from vaccine_swift.families.rotary import ROTARY_KEYS, rotary_configuration

__all__ = ["QWEN2"]


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    reader.only("hidden_act", "silu", "swish")
    check_window(reader)
    reader.knows((*ROTARY_KEYS, "use_sliding_window", "max_window_layers"))
    return {
        **sizes(reader),
        "norm": "rms",
        "norm_epsilon": reader.positive("rms_norm_eps"),
        "positions": "rotary",
        **rotary_configuration(reader.values, reader.faults),
        **grouped_heads(reader, even=True),
        "query_key_value_bias": True,
        "attention_output_bias": False,
        "feed_forward": "gated_silu",
        "feed_forward_size": reader.size("intermediate_size"),
        "feed_forward_bias": False,
    }


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
    },
    gguf=None,
)
