"""Gemma 3, its text models: Gemma 2 with norms of q and k and two rotary bases.

Five layers of six see back to a window and turn queries and keys by a base of their
own; the sixth sees everything. Defaults and meanings follow transformers'
`Gemma3TextConfig`. What Vaccine perturbs is the output of ``o_proj``, before its norm
and the residual add.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from vaccine_swift._arguments import is_within
from vaccine_swift.families.blocks import FULL, SLIDING, layer_kinds, layer_windows
from vaccine_swift.families.gemma2 import (
    GEMMA2,
    GEMMA2_GGUF,
    described_gemma2,
    query_scalar,
)
from vaccine_swift.families.qwen3 import QUERY_KEY_NORMS
from vaccine_swift.families.reader import ConfigurationReader, shortened
from vaccine_swift.families.rotary import rotary_configuration

__all__ = ["GEMMA3"]

_PATTERN: Final = "sliding_window_pattern"
_LOCAL_BASE: Final = "rope_local_base_freq"


def _describe(reader: ConfigurationReader) -> dict[str, Any]:
    every = reader.value(_PATTERN)
    if not is_within(_PATTERN, every, reader.faults, minimum=1, integer=True):
        every = 1

    def slides(layer: int) -> bool:
        return (layer + 1) % every != 0

    window = reader.value_or_null("sliding_window")
    kinds = layer_kinds(reader, slides)
    rotary = _rotary(reader) | {
        "rotary_layers": [2 if kind == SLIDING else 1 for kind in kinds]
    }
    return (
        described_gemma2(reader, rotary)
        | {"query_key_norm": "head"}
        | layer_windows(reader, window, slides)
    )


def _rotary(reader: ConfigurationReader) -> dict[str, Any]:
    """The rotary fields of layers that see everything, and the base of the others.

    transformers 5 writes both under ``rope_parameters``, by the kind of layer.
    """
    values = dict(reader.values)
    by_kind = values.pop("rope_parameters", {})
    local = {"rope_theta": reader.positive(_LOCAL_BASE)}
    if not isinstance(by_kind, Mapping) or not by_kind.keys() <= {FULL, SLIDING}:
        reader.faults.append(
            f"rope_parameters must be for {FULL} and {SLIDING}, got "
            f"{shortened(by_kind)}"
        )
    else:
        values |= {"rope_parameters": by_kind.get(FULL)} if by_kind else {}
        local |= {"rope_parameters": by_kind.get(SLIDING)}
    own = rotary_configuration(local, reader.faults)
    if own["rotary_scaling"] != "default":
        reader.faults.append(
            f"rope_parameters: {SLIDING} must be of rope_type default, got "
            f"{own['rotary_scaling']!r}"
        )
    return rotary_configuration(values, reader.faults) | {
        "rotary_local_base": own["rotary_base"]
    }


def _derived(config: Mapping[str, Any]) -> dict[str, Any]:
    derived = query_scalar(config, layers=62)
    # Without a window llama.cpp lets every layer see everything.
    return derived if "sliding_window" in config else derived | {_PATTERN: 1}


GEMMA3: Final = replace(
    GEMMA2,
    model_type="gemma3_text",
    architecture="Gemma3ForCausalLM",
    describe=_describe,
    defaults={
        **GEMMA2.defaults,
        "vocab_size": 262208,
        "max_position_embeddings": 131072,
        "attn_logit_softcapping": None,
        "final_logit_softcapping": None,
        "rope_theta": 1e6,
        _LOCAL_BASE: 1e4,
        _PATTERN: 6,
    },
    modules={**GEMMA2.modules, **QUERY_KEY_NORMS},
    gguf=replace(
        GEMMA2_GGUF,
        architecture="gemma3",
        modules={
            **GEMMA2_GGUF.modules,
            "query_norm": "attn_q_norm",
            "key_norm": "attn_k_norm",
        },
        numbers={**GEMMA2_GGUF.numbers, "rope.freq_base_swa": _LOCAL_BASE},
        derived=_derived,
    ),
)
