"""GGUF files: names, row order, dequantised values, configuration, wrong files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoint_files as files
import gguf
import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift.checkpoints.gguf import GGUFFile
from vaccine_swift.families.rotary import llama3_frequency_factors, rotary_configuration

CONFIG = files.gguf_config(rope_theta=100000.0)
WEIGHTS = files.random_weights(CONFIG)
FULL_CONFIG = files.gguf_config(
    tie_word_embeddings=False, attention_bias=True, mlp_bias=True
)
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def read_all(file: GGUFFile) -> dict[str, np.ndarray]:
    return {name: file.read(name) for name in file.shapes}


@pytest.mark.parametrize(
    "config", [CONFIG, FULL_CONFIG], ids=["tied", "untied, biases"]
)
def test_float32_weights_come_back_bit_for_bit_in_the_order_of_hugging_face(
    path: Path, config: dict[str, Any]
) -> None:
    weights = files.random_weights(config)
    file = GGUFFile(files.write_gguf(path, config, weights))
    found = read_all(file)
    assert set(found) == set(weights)
    for name, values in weights.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_float16_and_bfloat16_are_widened_exactly(path: Path) -> None:
    name = "model.layers.1.self_attn.k_proj.weight"
    files.write_gguf(path, CONFIG, WEIGHTS, quantization="F16")
    expected = WEIGHTS[name].astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(GGUFFile(path).read(name), expected)
    files.write_gguf(path, CONFIG, WEIGHTS, quantization="BF16")
    found = GGUFFile(path).read(name)
    # Eight bits of mantissa, rounded to nearest: at most half a unit of 2^-7.
    np.testing.assert_allclose(found, WEIGHTS[name], rtol=2**-8)
    assert not np.any(found.view(np.uint32) & 0xFFFF)


@pytest.mark.parametrize(
    ("kind", "levels"), [("Q4_0", 16), ("Q4_1", 15), ("Q8_0", 254)]
)
def test_quantised_rows_are_within_half_a_step_of_the_values(
    path: Path, kind: str, levels: int
) -> None:
    files.write_gguf(path, CONFIG, WEIGHTS, quantization=kind)
    file = GGUFFile(path)
    for name in ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"):
        name = f"model.layers.0.{name}.weight"
        blocks = WEIGHTS[name].reshape(-1, 32)
        low, high = blocks.min(1), blocks.max(1)
        largest = np.abs(blocks).max(1)
        span = high - low if kind == "Q4_1" else 2 * largest
        # Q4_0 clips one end by a step; scales are float16.
        step = span / levels * (2 if kind == "Q4_0" else 1) / 2 + 2**-10 * largest
        error = np.abs(file.read(name).reshape(-1, 32) - blocks).max(1)
        assert np.all(error <= step), name


@pytest.mark.parametrize(
    "kind", ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q5_0", "Q5_1"]
)
def test_k_quants_give_what_the_gguf_package_dequantises(path: Path, kind: str) -> None:
    config = files.gguf_config(hidden_size=256, intermediate_size=256)
    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    generator = np.random.default_rng(0)
    # Random codes with scales that are small float16 numbers.
    raw = generator.integers(0, 32, (256, 256 // block * size), dtype=np.uint8)
    weights = files.random_weights(config)
    name = "model.layers.0.mlp.up_proj.weight"
    del weights[name]
    writer_type = gguf.GGMLQuantizationType[kind]
    files.write_gguf(
        path, config, weights, extra={"blk.0.ffn_up.weight": (raw, writer_type)}
    )
    found = GGUFFile(path).read(name)
    np.testing.assert_array_equal(found, gguf.dequantize(raw, writer_type))
    assert found.shape == (256, 256)


def test_the_configuration_is_read_off_metadata_and_tensors(path: Path) -> None:
    files.write_gguf(path, FULL_CONFIG, files.random_weights(FULL_CONFIG))
    config = GGUFFile(path).config
    expected = FULL_CONFIG | {"architectures": ["LlamaForCausalLM"]}
    assert {key: config[key] for key in expected} == expected
    assert config["rms_norm_eps"] == 1e-5


def test_a_gguf_model_computes_what_its_hugging_face_directory_computes(
    path: Path, tmp_path: Path
) -> None:
    files.write_gguf(path, CONFIG, WEIGHTS, metadata=files.tokenizer_metadata())
    directory = files.write_directory(tmp_path / "hf", CONFIG, WEIGHTS)
    ids = [1, 40, 50, 60]
    model = vs.CausalLM.from_pretrained(path)
    expected = vs.CausalLM.from_pretrained(directory).logits(ids)
    np.testing.assert_array_equal(model.logits(ids), expected)
    model.save_pretrained(tmp_path / "saved")
    again = vs.CausalLM.from_pretrained(tmp_path / "saved")
    np.testing.assert_array_equal(again.logits(ids), expected)
    assert again.tokenizer.encode("hello world") == model.tokenizer.encode(
        "hello world"
    )


def test_llama3_factors_become_llama3_scaling(path: Path) -> None:
    config = files.gguf_config(rope_theta=500000.0, head_dim=64, hidden_size=256)
    fields = rotary_configuration({**config, "rope_scaling": LLAMA3}, [])
    factors = llama3_frequency_factors(fields, 64)
    weights = files.random_weights({**config, "head_dim": None})
    files.write_gguf(path, config, weights, extra={"rope_freqs.weight": factors})
    assert GGUFFile(path).config["rope_scaling"] == LLAMA3
    files.write_gguf(
        path, config, weights, extra={"rope_freqs.weight": factors * np.float32(1.5)}
    )
    with pytest.raises(
        ValueError, match=r"rope_freqs\.weight: not the factors of llama3"
    ):
        GGUFFile(path)


def test_linear_scaling_is_read_and_yarn_is_refused(path: Path) -> None:
    scaling = {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}
    files.write_gguf(path, CONFIG, WEIGHTS, metadata=scaling)
    assert GGUFFile(path).config["rope_scaling"] == {"rope_type": "linear", "factor": 4}
    scaling["llama.rope.scaling.type"] = "yarn"
    files.write_gguf(path, CONFIG, WEIGHTS, metadata=scaling)
    with pytest.raises(ValueError, match="got 'yarn'"):
        vs.CausalLM.from_pretrained(path)
