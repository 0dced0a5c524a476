"""SmolLM3: Llama of which every fourth layer does not turn queries and keys.

Defaults and meanings follow transformers' `SmolLM3Config`. What Vaccine perturbs is the
output of ``o_proj``, before the residual add.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from vaccine_swift._arguments import is_within, shortened
from vaccine_swift._plurals import counted
from vaccine_swift.families.blocks import MOST_LAYERS, layer_windows
from vaccine_swift.families.family import GGUFNames
from vaccine_swift.families.llama import GGUF_MODULES, LLAMA, described_llama
from vaccine_swift.families.reader import ConfigurationReader

__all__ = ["SMOLLM3"]


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    bias = reader.flag("attention_bias")
    described = described_llama(
        reader,
        query_key_value_bias=bias,
        attention_output_bias=bias,
        feed_forward_bias=reader.flag("mlp_bias"),
    )
    turned = _turned_layers(reader, described["layer_count"])
    window = reader.value_or_null("sliding_window")
    if not reader.flag("use_sliding_window"):
        window = None
    windows = layer_windows(reader, window, lambda layer: turned[layer] == 0)
    return described | {"rotary_layers": turned} | windows


def _turned_layers(reader: ConfigurationReader, layers: int | None) -> list[int]:
    """For each layer 1 where queries and keys are turned, else 0."""
    given, interval = (
        reader.value("no_rope_layers"),
        reader.value("no_rope_layer_interval"),
    )
    if layers is None or not is_within(
        "no_rope_layer_interval", interval, reader.faults, minimum=1, integer=True
    ):
        return []
    most = min(layers, MOST_LAYERS)
    if given is None:
        return [int((layer + 1) % interval != 0) for layer in range(most)]
    if (
        not isinstance(given, list)
        or len(given) < layers
        or any(value not in (0, 1) for value in given)
    ):
        reader.faults.append(
            f"no_rope_layers must be a list of 0 and 1 with at least "
            f"num_hidden_layers = {counted(layers, 'entry')}, got {shortened(given)}"
        )
        return [1] * most
    return [int(value) for value in given[:layers]]


SMOLLM3: Final = replace(
    LLAMA,
    model_type="smollm3",
    architecture="SmolLM3ForCausalLM",
    describe=_describe,
    defaults={
        "vocab_size": 128256,
        "hidden_size": 2048,
        "intermediate_size": 11008,
        "num_hidden_layers": 36,
        "num_attention_heads": 16,
        "num_key_value_heads": 4,
        "head_dim": None,  # hidden_size / num_attention_heads
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "rope_theta": 2e6,
        "no_rope_layers": None,
        "no_rope_layer_interval": 4,
        "use_sliding_window": False,
        "sliding_window": None,
    },
    gguf=GGUFNames(
        architecture="smollm3",
        modules=GGUF_MODULES,
        paired_rows={"query": "num_attention_heads", "key": "num_key_value_heads"},
    ),
)
