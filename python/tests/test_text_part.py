"""A Gemma 3 that sees images: its language model is read, and nothing else of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoint_files as files
import golden
import numpy as np
import pytest

import vaccine_swift as vs

CASE = golden.load("gemma3")
SPELLINGS = {
    "hub": lambda name: f"language_model.{name}",
    "transformers": lambda name: f"model.language_model.{name.removeprefix('model.')}",
}


def whole(directory: Path, spelling: str, **changes: Any) -> Path:
    """A directory with the golden language model, and some of what sees images."""
    weights = {SPELLINGS[spelling](n): v for n, v in CASE.group("weight").items()}
    prefix = "model." * (spelling == "transformers")
    weights[f"{prefix}vision_tower.encoder.weight"] = np.ones((3, 4), np.float32)
    weights[f"{prefix}multi_modal_projector.weight"] = np.ones(5, np.float32)
    text = {k: v for k, v in CASE.config.items() if k != "architectures"}
    eos = text.pop("eos_token_id")
    config = {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "model_type": "gemma3",
        "text_config": text,
        "vision_config": {"hidden_size": 4},
        "eos_token_id": [eos, 7],
    } | changes
    return files.write_directory(directory, config, weights)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_its_logits_are_those_of_the_language_model(
    tmp_path: Path, spelling: str
) -> None:
    model = vs.CausalLM.from_pretrained(whole(tmp_path / "whole", spelling))
    alone = files.write_directory(tmp_path / "alone", CASE.config, CASE.group("weight"))
    ids = CASE.tensors["batch/input_ids"][:19]
    expected = vs.CausalLM.from_pretrained(alone).logits(ids)
    np.testing.assert_array_equal(model.logits(ids), expected)
    assert model.config["model_type"] == "gemma3_text"
    assert model.config["eos_token_id"] == [CASE.config["eos_token_id"], 7]
    model.save_pretrained(tmp_path / "saved")
    saved = json.loads((tmp_path / "saved/config.json").read_text())
    assert saved["model_type"] == "gemma3_text"
    again = vs.CausalLM.from_pretrained(tmp_path / "saved")
    np.testing.assert_array_equal(again.logits(ids), expected)


@pytest.mark.parametrize("text", [None, [], {"model_type": "llama"}])
def test_another_language_model_is_refused(tmp_path: Path, text: Any) -> None:
    directory = whole(tmp_path / "whole", "hub", text_config=text)
    with pytest.raises(
        ValueError, match=r"config\.json: text_config must be a mapping"
    ):
        vs.CausalLM.from_pretrained(directory)


def test_what_it_lacks_is_named_as_in_a_language_model(tmp_path: Path) -> None:
    text = CASE.config | {"num_hidden_layers": 3}
    directory = whole(tmp_path / "whole", "hub", text_config=text)
    with pytest.raises(ValueError, match=r"missing tensors: model\.layers\.2\."):
        vs.CausalLM.from_pretrained(directory)
