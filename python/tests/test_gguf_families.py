"""GGUF files of every architecture, written by the gguf package from golden weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import checkpoint_files as files
import golden
import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift.checkpoints.gguf import GGUFFile
from vaccine_swift.families import FAMILIES, GGUF_FAMILIES

CASES = (
    "qwen2",
    "qwen3",
    "smollm3",
    "olmo2",
    "gemma",
    "gemma2",
    "gemma3",
    "gpt_neox",
    "phi3",
)

pytestmark = pytest.mark.filterwarnings("ignore:.*tokenizer.ggml")


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> golden.GoldenCase:
    """Scores are divided by what llama.cpp takes where a file cannot say it."""
    case = golden.load(request.param)
    if "query_pre_attn_scalar" in case.config:
        scalar = {"query_pre_attn_scalar": case.config["head_dim"]}
        return dataclasses.replace(case, config=case.config | scalar)
    return case


def test_every_architecture_beside_llama_has_a_golden_file_here() -> None:
    other = {"gpt_neox": "gptneox"}
    found = {other.get(case, case) for case in CASES}
    assert {"llama", *found} == GGUF_FAMILIES.keys()


def test_a_file_gives_the_logits_of_the_hugging_face_directory(
    case: golden.GoldenCase, tmp_path: Path
) -> None:
    weights = case.group("weight")
    path = files.write_gguf(tmp_path / "model.gguf", case.config, weights)
    directory = files.write_directory(tmp_path / "hf", case.config, weights)
    model = vs.CausalLM.from_pretrained(path)
    expected = vs.CausalLM.from_pretrained(directory)
    assert {
        key: value
        for key, value in model.config.items()
        if key in case.config and key not in ("head_dim", "architectures")
    }.items() <= case.config.items()
    ids = case.tensors["batch/input_ids"][:29]
    np.testing.assert_array_equal(model.logits(ids), expected.logits(ids))
    model.save_pretrained(tmp_path / "saved")
    again = vs.CausalLM.from_pretrained(tmp_path / "saved")
    np.testing.assert_array_equal(again.logits(ids), expected.logits(ids))


def test_keys_begin_with_the_files_architecture(
    case: golden.GoldenCase, tmp_path: Path
) -> None:
    other = {"llama.block_count": 7, "llama.rope.scaling.type": "yarn"}
    path = files.write_gguf(
        tmp_path / "model.gguf", case.config, case.group("weight"), metadata=other
    )
    config = GGUFFile(path).config
    assert config["num_hidden_layers"] == case.config["num_hidden_layers"]
    assert config["model_type"] == case.config["model_type"]
    assert config.get("rope_scaling") == case.config.get("rope_scaling")
    names = FAMILIES[case.config["model_type"]].gguf
    assert names is not None
    wrong = {f"{names.architecture}.attention.value_length": 3}
    other = tmp_path / "wrong.gguf"
    with pytest.raises(ValueError, match=rf"{names.architecture}\.attention"):
        GGUFFile(
            files.write_gguf(other, case.config, case.group("weight"), metadata=wrong)
        )
