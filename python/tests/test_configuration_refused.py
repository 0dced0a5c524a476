"""Hugging Face configurations that are wrong, or ask for what is not implemented."""

from __future__ import annotations

import contextlib
import math
import tracemalloc
from typing import Any

import pytest
from hub_settings import LLAMA3, MISTRAL
from hypothesis import given
from hypothesis import strategies as st

import vaccine_swift as vs
from vaccine_swift.families import FAMILIES, core_configuration

QWEN = {"model_type": "qwen2"}


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


def test_all_faults_come_in_one_error() -> None:
    config = vs.tiny_config(hidden_act="relu", clip_qkv=4, rope_theta=0)
    with pytest.raises(ValueError, match="config") as caught:
        core_configuration(config, source="somewhere/config.json")
    message = str(caught.value)
    assert message.startswith("somewhere/config.json: ")
    assert all(key in message for key in ("hidden_act", "clip_qkv", "rope_theta"))


def test_a_key_that_nobody_knows_is_warned_of_with_the_nearest() -> None:
    with pytest.warns(UserWarning, match="'hiden_size'. Did you mean 'hidden_size'?"):
        core_configuration(vs.tiny_config(hiden_size=32))


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
