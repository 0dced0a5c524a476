"""Translation of Hugging Face configurations, by transformers' documented rules."""

from __future__ import annotations

import contextlib
import json
import math
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vaccine_swift as vs
from vaccine_swift.families import FAMILIES, core_configuration
from vaccine_swift.families.rotary import llama3_frequency_factors

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
MISTRAL = {"model_type": "mistral", "sliding_window": None}
QWEN = {"model_type": "qwen2"}


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


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"model_type": "gpt2"},
            f"model_type must be one of {', '.join(FAMILIES)}, got 'gpt2'",
        ),
        ({"model_type": None}, "model_type"),
        ({"hidden_act": "gelu"}, "hidden_act must be 'silu', got 'gelu'"),
        ({"hidden_size": None}, "hidden_size is missing"),
        ({"hidden_size": 30}, "multiple of num_attention_heads"),
        ({"hidden_size": 0}, "hidden_size must be at least 1"),
        ({"hidden_size": 32.0}, "hidden_size must be an int"),
        ({"vocab_size": 2**31}, "vocab_size must be"),
        ({"num_key_value_heads": 3}, "num_key_value_heads 3"),
        ({"num_key_value_heads": 0}, "num_key_value_heads must be at least 1"),
        ({"head_dim": 7}, "head_dim must be even"),
        ({"rms_norm_eps": 0.0}, "rms_norm_eps must be above"),
        ({"tie_word_embeddings": 1}, "tie_word_embeddings must be true or false"),
        ({"rope_theta": -1.0}, "rope_theta must be above"),
        ({"rope_theta": math.nan}, "rope_theta"),
        ({"rope_scaling": {"type": "yarn", "factor": 4}}, "got 'yarn'"),
        ({"rope_scaling": {"type": "dynamic", "factor": 4}}, "got 'dynamic'"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "got 'longrope'"),
        ({"rope_scaling": {"type": []}}, "rope_type must be one of"),
        ({"rope_scaling": [1]}, "rope_scaling must be a mapping"),
        ({"rope_scaling": {"type": "linear"}}, "factor is missing"),
        ({"rope_scaling": {**LLAMA3, "high_freq_factor": 1.0}}, "must be above"),
        ({"rope_scaling": {**LLAMA3, "beta_fast": 32}}, "beta_fast"),
        ({"rope_parameters": {"partial_rotary_factor": 0.5}}, "partial_rotary_factor"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor = 0.5"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"clip_qkv": 8.0}, "clip_qkv = 8.0"),
        ({"num_local_experts": 8}, "num_local_experts = 8"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "architectures"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "sliding_attention"),
        ({"sliding_window": 128}, "sliding_window 128 below"),
        ({"sliding_window": 255}, "whose model_type 'mistral' has one"),
        ({**MISTRAL, "sliding_window": 0}, "sliding_window must be at least 1"),
        ({**MISTRAL, "sliding_window": "4k"}, "sliding_window must be an int"),
        ({**QWEN, "layer_types": ["full_attention"]}, "num_hidden_layers = 2"),
        ({**QWEN, "layer_types": ["chunked_attention"] * 2}, "chunked_attention"),
        ({**QWEN, "layer_types": ["sliding_attention"] * 2}, "without a sliding"),
        ({**QWEN, "max_window_layers": -1}, "max_window_layers must be at least 0"),
    ],
)
def test_what_is_wrong_or_not_implemented_is_refused_by_name(
    changes: dict[str, Any], words: str
) -> None:
    config = {k: v for k, v in vs.tiny_config(**changes).items() if v is not None}
    if "sliding_window" in changes:
        config["sliding_window"] = changes["sliding_window"]
    with pytest.raises(ValueError, match="config") as caught:
        core_configuration(config)
    assert words in str(caught.value)


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


def test_all_faults_come_in_one_error() -> None:
    config = vs.tiny_config(hidden_act="relu", clip_qkv=4, rope_theta=0)
    with pytest.raises(ValueError, match="config") as caught:
        core_configuration(config, source="somewhere/config.json")
    message = str(caught.value)
    assert message.startswith("somewhere/config.json: ")
    assert all(key in message for key in ("hidden_act", "clip_qkv", "rope_theta"))


@pytest.mark.parametrize(
    "changes", [{"pretraining_tp": 2}, {"attention_dropout": 0.1}, {"use_cache": False}]
)
def test_settings_that_change_no_logit_need_no_refusal(changes: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fields = core_configuration(vs.tiny_config(**changes))
    assert fields == core_configuration(vs.tiny_config())


def test_a_key_that_nobody_knows_is_warned_of_with_the_nearest() -> None:
    with pytest.warns(UserWarning, match="'hiden_size'. Did you mean 'hidden_size'?"):
        core_configuration(vs.tiny_config(hiden_size=32))


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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    key=st.sampled_from(
        [*vs.tiny_config(), "head_dim", "rope_scaling", "layer_types", "architectures"]
    ),
    value=JSON,
)
@pytest.mark.filterwarnings("ignore:.*unknown keys")
def test_junk_in_any_key_gives_a_configuration_or_a_value_error(
    key: str, value: Any
) -> None:
    try:
        fields = core_configuration(vs.tiny_config(**{key: value}))
    except ValueError:
        return
    assert fields.keys() == core_configuration(vs.tiny_config()).keys()


AWKWARD = (math.inf, -math.inf, math.nan, 10**400, -1, True, "8", [math.inf], {})


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.filterwarnings("ignore:.*unknown keys")
def test_awkward_values_of_any_family_s_key_are_taken_or_refused(name: str) -> None:
    family = FAMILIES[name]
    for key in family.defaults:
        for value in AWKWARD:
            config = {"model_type": name, **family.defaults, key: value}
            with contextlib.suppress(ValueError):
                core_configuration(config)


@pytest.mark.parametrize(
    ("name", "changes"),
    [*((name, {}) for name in FAMILIES), ("smollm3", {"no_rope_layers": [2]})],
)
def test_too_many_layers_are_refused_before_anything_is_listed(
    name: str, changes: dict[str, Any]
) -> None:
    sizes = vs.tiny_config() if name in ("llama", "mistral") else {}
    config = {**FAMILIES[name].defaults, **sizes, "model_type": name, **changes}
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"layer_count|num_hidden_layers"):
            vs.CausalLM.from_config(config | {"num_hidden_layers": 2**28})
        assert tracemalloc.get_traced_memory()[1] < 1 << 23
    finally:
        tracemalloc.stop()


def test_what_is_no_mapping_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="config must be a mapping, got list"):
        core_configuration([])  # type: ignore[arg-type]
