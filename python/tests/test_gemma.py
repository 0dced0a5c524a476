"""Gemma 1, 2 and 3: their configurations, described and refused."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import checkpoint_files as files
import golden
import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift.checkpoints.gguf_configuration import hugging_face_configuration
from vaccine_swift.families import core_configuration

SIZES = {
    "vocab_size": 64,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 7,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 10,
    "max_position_embeddings": 128,
}
GEMMA = {"model_type": "gemma", **SIZES}
GEMMA2 = {"model_type": "gemma2", "sliding_window": 9, **SIZES}
GEMMA3 = {"model_type": "gemma3_text", "sliding_window": 9, **SIZES}
ALL = (GEMMA, GEMMA2, GEMMA3)


@pytest.mark.parametrize("config", ALL, ids=lambda config: config["model_type"])
def test_what_all_gemmas_share_is_described(config: dict[str, Any]) -> None:
    fields = core_configuration(config)
    assert fields["norm_offset"] == 1
    assert fields["embedding_scale"] == math.sqrt(24)
    assert fields["feed_forward"] == "gated_gelu_tanh"
    assert fields["tied_embeddings"]
    assert fields["head_size"] == 10
    assert not fields["query_key_value_bias"]


def test_caps_scale_and_windows_of_gemma2_are_described() -> None:
    fields = core_configuration(GEMMA2)
    assert fields["norm_placement"] == "around"
    assert (fields["attention_cap"], fields["logit_cap"]) == (50, 30)
    assert fields["attention_scale"] == 1 / 16
    assert fields["windows"] == [9, 0, 9, 0, 9, 0, 9]
    assert fields["names.attention_output_norm"].endswith("post_attention_layernorm")
    bare = core_configuration(
        GEMMA2
        | {"attn_logit_softcapping": None, "final_logit_softcapping": None}
        | {"sliding_window": None, "query_pre_attn_scalar": 144}
    )
    assert not {"attention_cap", "logit_cap", "windows"} & bare.keys()
    assert bare["attention_scale"] == pytest.approx(1 / 12)


def test_five_layers_of_six_of_gemma3_are_local() -> None:
    fields = core_configuration(GEMMA3)
    assert fields["query_key_norm"] == "head"
    assert fields["rotary_layers"] == [2, 2, 2, 2, 2, 1, 2]
    assert fields["windows"] == [9, 9, 9, 9, 9, 0, 9]
    assert (fields["rotary_base"], fields["rotary_local_base"]) == (1e6, 1e4)
    assert not {"attention_cap", "logit_cap"} & fields.keys()
    found = core_configuration(GEMMA3 | {"sliding_window_pattern": 2})
    assert found["rotary_layers"] == [2, 1, 2, 1, 2, 1, 2]
    kinds = ["full_attention"] * 6 + ["sliding_attention"]
    found = core_configuration(GEMMA3 | {"layer_types": kinds})
    assert found["rotary_layers"] == [1, 1, 1, 1, 1, 1, 2]
    # A window that no sequence reaches is none; the layers' base stays.
    found = core_configuration(GEMMA3 | {"sliding_window": 128})
    assert "windows" not in found
    assert found["rotary_layers"] == [2, 2, 2, 2, 2, 1, 2]


LINEAR = {"rope_type": "linear", "factor": 8.0}


@pytest.mark.parametrize(
    "spelling",
    [
        {"rope_theta": 5e5, "rope_local_base_freq": 300.0, "rope_scaling": LINEAR},
        {
            "rope_parameters": {
                "full_attention": {**LINEAR, "rope_theta": 5e5},
                "sliding_attention": {"rope_type": "default", "rope_theta": 300.0},
            }
        },
        {
            "rope_theta": 5e5,
            "rope_local_base_freq": 300.0,
            "rope_parameters": {"full_attention": LINEAR},
        },
    ],
)
def test_both_spellings_of_two_rotary_bases_mean_the_same(
    spelling: dict[str, Any],
) -> None:
    fields = core_configuration(GEMMA3 | spelling)
    assert (fields["rotary_base"], fields["rotary_local_base"]) == (5e5, 300)
    assert (fields["rotary_scaling"], fields["rotary_factor"]) == ("linear", 8)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({**GEMMA, "hidden_act": "relu"}, "hidden_act must be 'gelu_pytorch_tanh'"),
        ({**GEMMA, "hidden_activation": "gelu"}, "hidden_activation must be"),
        ({**GEMMA, "use_bidirectional_attention": True}, "use_bidirectional_attention"),
        ({**GEMMA, "final_logit_softcapping": 30.0}, "final_logit_softcapping = 30"),
        ({**GEMMA2, "hidden_activation": "silu"}, "hidden_activation must be"),
        ({**GEMMA2, "query_pre_attn_scalar": 0}, "query_pre_attn_scalar must be above"),
        ({**GEMMA2, "attn_logit_softcapping": 0.0}, "attn_logit_softcapping must be"),
        ({**GEMMA2, "final_logit_softcapping": "30"}, "final_logit_softcapping must"),
        ({**GEMMA2, "sliding_window": 0}, "sliding_window must be at least 1"),
        ({**GEMMA3, "attn_logit_softcapping": 50.0}, "attn_logit_softcapping = 50"),
        ({**GEMMA3, "sliding_window_pattern": 0}, "sliding_window_pattern must be"),
        ({**GEMMA3, "rope_local_base_freq": -1}, "rope_local_base_freq must be above"),
        ({**GEMMA3, "rope_parameters": LINEAR}, "for full_attention and sliding_att"),
        ({**GEMMA3, "rope_parameters": [1]}, "for full_attention and sliding_att"),
        (
            {**GEMMA3, "rope_parameters": {"sliding_attention": LINEAR}},
            "sliding_attention must be of rope_type default, got 'linear'",
        ),
        (
            {**GEMMA3, "rope_parameters": {"full_attention": {"rope_type": "yarn"}}},
            "got 'yarn'",
        ),
    ],
)
def test_what_is_wrong_or_not_implemented_is_refused_by_name(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match="config") as caught:
        core_configuration(changes)
    assert words in str(caught.value)


# As on the hub: google/gemma-2b, gemma-2-27b and gemma-3-1b-it.
HUB = (
    """{"architectures": ["GemmaForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "bos_token_id": 2, "eos_token_id": 1, "head_dim": 256,
    "hidden_act": "gelu", "hidden_activation": null, "hidden_size": 2048,
    "initializer_range": 0.02, "intermediate_size": 16384,
    "max_position_embeddings": 8192, "model_type": "gemma", "num_attention_heads": 8,
    "num_hidden_layers": 18, "num_key_value_heads": 1, "pad_token_id": 0,
    "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 10000.0,
    "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 256000}""",
    """{"architectures": ["Gemma2ForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "attn_logit_softcapping": 50.0, "bos_token_id": 2,
    "cache_implementation": "hybrid", "eos_token_id": 1,
    "final_logit_softcapping": 30.0, "head_dim": 128,
    "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 4608, "initializer_range": 0.02, "intermediate_size": 36864,
    "max_position_embeddings": 8192, "model_type": "gemma2",
    "num_attention_heads": 32, "num_hidden_layers": 46, "num_key_value_heads": 16,
    "pad_token_id": 0, "query_pre_attn_scalar": 144, "rms_norm_eps": 1e-06,
    "rope_theta": 10000.0, "sliding_window": 4096, "sliding_window_size": 4096,
    "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 256000}""",
    """{"architectures": ["Gemma3ForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "attn_logit_softcapping": null, "bos_token_id": 2,
    "cache_implementation": "hybrid", "eos_token_id": [1, 106],
    "final_logit_softcapping": null, "head_dim": 256,
    "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 1152,
    "initializer_range": 0.02, "intermediate_size": 6912,
    "max_position_embeddings": 32768, "model_type": "gemma3_text",
    "num_attention_heads": 4, "num_hidden_layers": 26, "num_key_value_heads": 1,
    "pad_token_id": 0, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06,
    "rope_local_base_freq": 10000, "rope_scaling": null, "rope_theta": 1000000,
    "sliding_window": 512, "sliding_window_pattern": 6, "torch_dtype": "bfloat16",
    "use_cache": true, "vocab_size": 262144}""",
)


@pytest.mark.parametrize("text", HUB, ids=("gemma", "gemma2", "gemma3_text"))
def test_configurations_of_the_hub_are_accepted_without_warning(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fields = core_configuration(json.loads(text))
    assert fields["embedding_scale"] == pytest.approx(fields["hidden_size"] ** 0.5)


@pytest.mark.parametrize(
    ("architecture", "layers", "scalar"),
    [
        ("gemma2", 26, 128),
        ("gemma2", 46, 144),
        ("gemma3", 48, 128),
        ("gemma3", 62, 144),
    ],
)
def test_the_largest_models_scores_are_scaled_as_llama_cpp_scales_them(
    architecture: str, layers: int, scalar: int
) -> None:
    values = {
        "context_length": 8192,
        "embedding_length": 4608,
        "feed_forward_length": 64,
        "block_count": layers,
        "attention.head_count": 32,
        "attention.head_count_kv": 16,
        "attention.key_length": 128,
        "attention.sliding_window": 512,
    }
    metadata = {f"{architecture}.{key}": value for key, value in values.items()}
    metadata["general.architecture"] = architecture
    config = hugging_face_configuration(metadata, {}, {}) | {"vocab_size": 64}
    assert config["query_pre_attn_scalar"] == scalar
    assert core_configuration(config)["rotary_base"] == 10000.0


@pytest.mark.parametrize(
    ("pattern", "kinds"),
    [
        (3, "ssfssfs"),
        (0, "sssssss"),
        (1, "fffffff"),
        ([True, False, False, True, True, False, True], "sffssfs"),
    ],
)
def test_a_gguf_file_says_which_layers_have_a_window(pattern: Any, kinds: str) -> None:
    metadata = {
        "general.architecture": "gemma3",
        "gemma3.embedding_length": 24,
        "gemma3.feed_forward_length": 40,
        "gemma3.block_count": 7,
        "gemma3.attention.head_count": 4,
        "gemma3.attention.sliding_window": 9,
        "gemma3.attention.sliding_window_pattern": pattern,
        "gemma3.rope.freq_base_swa": 70.0,
    }
    config = hugging_face_configuration(metadata, {}, {})
    assert "".join(kind[0] for kind in config["layer_types"]) == kinds
    assert config["rope_local_base_freq"] == 70
    for wrong in (-1, 2.0, True, "2", [0, 2]):
        key = "gemma3.attention.sliding_window_pattern"
        with pytest.raises(ValueError, match=key):
            hugging_face_configuration(metadata | {key: wrong}, {}, {})
    del metadata["gemma3.attention.sliding_window"]
    del metadata["gemma3.attention.sliding_window_pattern"]
    config = hugging_face_configuration(metadata, {}, {})
    assert config["sliding_window_pattern"] == 1


@pytest.mark.parametrize("name", ["gemma", "gemma3"])
def test_a_gguf_files_norms_are_saved_to_the_bit(name: str, tmp_path: Path) -> None:
    case = golden.load(name)
    weights = case.group("weight")
    path = files.write_gguf(tmp_path / "model.gguf", case.config, weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = vs.CausalLM.from_pretrained(path)
    for name, values in weights.items():
        found = model._model.read("weight", name)
        if values.ndim == 1:
            # 1 was added in float32 to the file's, and taken off.
            expected = (values + np.float32(1)) - np.float32(1)
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_array_equal(found, values)


def test_a_fresh_model_has_norms_that_change_nothing() -> None:
    model = vs.CausalLM.from_config(GEMMA2, seed=0)
    for name, _ in model._model.tensors("weight"):
        if name.endswith("norm.weight"):
            assert not np.asarray(model._model.read("weight", name)).any()


def test_in_bfloat16_the_embedding_is_scaled_by_a_bfloat16_number() -> None:
    """√24 = 4.899 lies between 4.875 and 4.90625, the bfloat16 numbers around it."""
    if "bfloat16" not in vs._core.dtypes():
        pytest.skip("this processor does not multiply bfloat16")
    model = vs.CausalLM.from_config(GEMMA, seed=0, dtype="bfloat16")
    exact = vs.CausalLM.from_config(GEMMA, seed=0)
    name = "model.embed_tokens.weight"
    one = np.zeros((64, 24), np.float32)
    one[:, 3] = 1.0
    for each in (model, exact):
        each._model.write("weight", name, one)
        for layer in range(7):
            for part in ("self_attn.o_proj", "mlp.down_proj"):
                tensor = f"model.layers.{layer}.{part}.weight"
                zeros = np.zeros_like(each._model.read("weight", tensor))
                each._model.write("weight", tensor, zeros)
    batch = vs.Batch.pack([vs.Example([5], [5])])
    states = [each.hidden_states(batch, what="residual") for each in (model, exact)]
    assert float(np.max(states[0])) == 4.90625
    assert float(np.max(states[1])) == np.float32(math.sqrt(24))
