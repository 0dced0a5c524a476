"""Qwen 3: Llama with a norm of every head of q and k before their rotation.

Defaults and meanings follow transformers' `Qwen3Config`. What Vaccine perturbs is the
output of ``o_proj``, before the residual add.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from vaccine_swift.families.family import GGUFNames
from vaccine_swift.families.llama import GGUF_MODULES, LLAMA, described_llama
from vaccine_swift.families.qwen2 import QWEN2, upper_windows
from vaccine_swift.families.reader import ConfigurationReader

__all__ = ["QUERY_KEY_NORMS", "QWEN3"]

_ATTENTION: Final = "model.layers.{layer}.self_attn"
QUERY_KEY_NORMS: Final = {
    "query_norm": f"{_ATTENTION}.q_norm",
    "key_norm": f"{_ATTENTION}.k_norm",
}
"""The names of the norms of q and k, of every family that has them."""


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    bias = reader.flag("attention_bias")
    described = described_llama(
        reader,
        query_key_value_bias=bias,
        attention_output_bias=bias,
        feed_forward_bias=False,
    )
    return described | {"query_key_norm": "head"} | upper_windows(reader)


QWEN3: Final = replace(
    LLAMA,
    model_type="qwen3",
    architecture="Qwen3ForCausalLM",
    describe=_describe,
    defaults={**QWEN2.defaults, "head_dim": 128, "attention_bias": False},
    modules={**LLAMA.modules, **QUERY_KEY_NORMS},
    gguf=GGUFNames(
        architecture="qwen3",
        modules=GGUF_MODULES | {"query_norm": "attn_q_norm", "key_norm": "attn_k_norm"},
    ),
)
