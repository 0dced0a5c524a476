"""Translation of Hugging Face configurations, by transformers' documented rules."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest
from hub_settings import LLAMA3, MISTRAL

import vaccine_swift as vs
from vaccine_swift.families import FAMILIES, core_configuration
from vaccine_swift.families.rotary import llama3_frequency_factors


def test_sizes_and_flags_become_the_cores_fields() -> None:
    fields = core_configuration(
        vs.tiny_config(attention_bias=True, mlp_bias=True, rope_theta=500000)
    )
    assert fields == {
        "vocabulary_size": 128,
        "hidden_size": 32,
        "feed_forward_size": 64,
        "layer_count": 2,
        "head_count": 4,
        "key_value_head_count": 2,
        "head_size": 8,
        "context_length": 256,
        "norm_epsilon": 1e-5,
        "tied_embeddings": True,
        "query_key_value_bias": True,
        "attention_output_bias": True,
        "feed_forward_bias": True,
        "rotary_scaling": "default",
        "rotary_base": 500000.0,
        "rotary_factor": 1.0,
        "rotary_low_frequency_factor": 1.0,
        "rotary_high_frequency_factor": 4.0,
        "rotary_original_context_length": 256,
        "precision": "float32",
        "norm": "rms",
        "positions": "rotary",
        "feed_forward": "gated_silu",
    } | {f"names.{module}": name for module, name in FAMILIES["llama"].modules.items()}


def test_absent_keys_take_the_familys_defaults() -> None:
    needed = {
        "vocab_size": 64,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 1,
        "num_attention_heads": 8,
    }
    llama = core_configuration({"model_type": "llama", **needed})
    assert llama["key_value_head_count"] == 8
    assert llama["context_length"] == 2048
    assert llama["norm_epsilon"] == 1e-6
    assert not llama["tied_embeddings"]
    mistral = core_configuration({**MISTRAL, **needed, "num_attention_heads": 16})
    assert mistral["key_value_head_count"] == 8
    assert mistral["context_length"] == 131072


def test_head_dim_need_not_be_hidden_size_over_heads() -> None:
    assert core_configuration(vs.tiny_config(head_dim=16))["head_size"] == 16


@pytest.mark.parametrize(
    "spelling",
    [
        {"rope_theta": 5e5, "rope_scaling": LLAMA3},
        {"rope_theta": 5e5, "rope_scaling": {**LLAMA3, "type": "llama3"}},
        {"rope_parameters": {**LLAMA3, "rope_theta": 5e5}},
        {"rope_theta": 5e5, "rope_parameters": LLAMA3},
    ],
)
def test_both_spellings_of_rotary_settings_mean_the_same(
    spelling: dict[str, Any],
) -> None:
    config = vs.tiny_config()
    del config["rope_theta"]
    fields = core_configuration(config | spelling)
    assert fields["rotary_scaling"] == "llama3"
    assert fields["rotary_base"] == 5e5
    assert fields["rotary_factor"] == 8.0
    assert fields["rotary_original_context_length"] == 8192


def test_linear_scaling_by_its_old_key() -> None:
    fields = core_configuration(
        vs.tiny_config(rope_scaling={"type": "linear", "factor": 2})
    )
    assert (fields["rotary_scaling"], fields["rotary_factor"]) == ("linear", 2.0)


def test_llama3_leaves_fast_frequencies_and_divides_slow_ones() -> None:
    # Hand-computed at D = 128, θ = 500000: wavelengths 2π θ^(2i/128) against 8192/4 and
    # 8192/1. Pair 28: 2π·500000^(56/128) = 1956 < 2048; pair 35 : 8218 > 8192; pair 32:
    # 4443 between, smooth (8192/4443 - 1)/3.
    fields = core_configuration(
        vs.tiny_config(rope_theta=500000.0, rope_scaling=LLAMA3, head_dim=128)
    )
    factors = llama3_frequency_factors(fields, 128)
    assert factors[28] == 1.0
    assert factors[35] == 8.0
    share = (8192 / (2 * math.pi * math.sqrt(500000.0)) - 1) / 3
    assert factors[32] == pytest.approx(1 / ((1 - share) / 8 + share), rel=1e-6)
    assert np.all(np.diff(factors) >= 0)


def test_a_window_as_long_as_the_context_changes_nothing() -> None:
    config = vs.tiny_config(**MISTRAL) | {"sliding_window": 256}
    fields = core_configuration(config)
    assert fields["context_length"] == 256
    assert "windows" not in fields


def test_mistral_without_the_key_has_transformers_window_of_4096() -> None:
    config = vs.tiny_config(model_type="mistral", max_position_embeddings=32768)
    assert core_configuration(config)["windows"] == [4096, 4096]


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_windows_of_qwen_are_those_of_the_upper_layers(kind: str) -> None:
    config = vs.tiny_config(
        model_type=kind,
        num_hidden_layers=3,
        sliding_window=9,
        use_sliding_window=True,
        max_window_layers=1,
    )
    assert core_configuration(config)["windows"] == [0, 9, 9]
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    found = core_configuration(config | {"layer_types": kinds})
    assert found["windows"] == [9, 0, 9]
    for changes in (
        {"use_sliding_window": False},
        {"sliding_window": None},
        {"sliding_window": 256},
        {"max_window_layers": 3},
    ):
        assert "windows" not in core_configuration(config | changes)


@pytest.mark.parametrize(
    "changes", [{"pretraining_tp": 2}, {"attention_dropout": 0.1}, {"use_cache": False}]
)
def test_settings_that_change_no_logit_need_no_refusal(changes: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fields = core_configuration(vs.tiny_config(**changes))
    assert fields == core_configuration(vs.tiny_config())


def test_the_configuration_of_smollm2_on_the_hub_is_accepted_without_warning() -> None:
    text = """{"architectures": ["LlamaForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
    "hidden_act": "silu", "hidden_size": 576, "initializer_range": 0.0416,
    "intermediate_size": 1536, "is_llama_config": true,
    "max_position_embeddings": 8192, "mlp_bias": false, "model_type": "llama",
    "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3,
    "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
    "rope_interleaved": false, "rope_scaling": null, "rope_theta": 100000,
    "tie_word_embeddings": true, "torch_dtype": "bfloat16",
    "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}},
    "transformers_version": "4.42.3", "use_cache": true, "vocab_size": 49152}"""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fields = core_configuration(json.loads(text))
    assert (fields["head_size"], fields["rotary_base"]) == (64, 100000.0)
