"""Tokens that end a generation, wherever the files name them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoint_files as files
import numpy as np
import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import models as backends

import vaccine_swift as vs


def gguf_with_ends(path: Path, **fields: Any) -> vs.CausalLM:
    """A model with special tokens for turns; `fields` go into its vocabulary."""
    tokens, types = files.vocabulary()
    tokens += ["<|eot_id|>", "<|eom_id|>", "<turn/>"]
    config = files.gguf_config() | {"vocab_size": len(tokens)}
    metadata = files.tokenizer_metadata(
        tokens=tokens, token_type=[*types, 3, 1, 3], **fields
    )
    weights = files.random_weights(config, seed=3)
    files.write_gguf(path, config, weights, metadata=metadata)
    return vs.CausalLM.from_pretrained(path)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # <|eot_id|> is a control token; <|eom_id|> is not, so its text says nothing.
        ({}, ["<end>", "<|eot_id|>"]),
        ({"eom_token_id": -2}, ["<end>", "<|eot_id|>", "<|eom_id|>"]),
        ({"eot_token_id": -1}, ["<end>", "<|eot_id|>", "<turn/>"]),
        ({"eos_token_id": None, "eot_token_id": -1}, ["<|eot_id|>", "<turn/>"]),
    ],
)
def test_every_end_token_of_a_gguf_file_ends_a_generation(
    tmp_path: Path, fields: dict[str, Any], expected: list[str]
) -> None:
    count = len(files.vocabulary()[0]) + 3
    given = {k: count + v if v and v < 0 else v for k, v in fields.items()}
    model = gguf_with_ends(tmp_path / "m.gguf", **given)
    tokenizer = model.tokenizer
    found = [
        tokenizer.decode([i], skip_special_tokens=False)
        for i in tokenizer.end_token_ids
    ]
    assert found == expected
    for path in (tmp_path / "m.gguf", saved(model, tmp_path / "saved")):
        again = vs.CausalLM.from_pretrained(path)
        for end in tokenizer.end_token_ids:
            assert_stops_at(again, end)


def saved(model: vs.CausalLM, path: Path) -> Path:
    model.save_pretrained(path)
    return path


def assert_stops_at(model: vs.CausalLM, end: int) -> None:
    """Make `end` the most likely token after token 40, and nothing else."""
    embedding = np.zeros(model._shapes("weight")["model.embed_tokens.weight"], "f4")
    embedding[40, 0] = 1
    embedding[end, 0] = 2
    changed = {"model.embed_tokens.weight": embedding}
    for name, shape in model._shapes("weight").items():
        plain = np.ones(shape, "f4") if "norm" in name else np.zeros(shape, "f4")
        model._model.write("weight", name, changed.get(name, plain))
    assert model.generate_ids([[40]], 5) == [[end]]


def test_the_end_of_a_turn_in_the_chat_template_ends_a_generation(
    tmp_path: Path,
) -> None:
    backend = Backend(backends.WordLevel({"a": 0, "b": 1, "</s>": 2}))
    backend.add_special_tokens(["<|im_end|>", "<end_of_turn>"])
    template = "{% for m in messages %}{{ m.content }}<end_of_turn>{% endfor %}"
    config = {"eos_token": "</s>", "chat_template": template}
    vs.Tokenizer(backend, config).save(tmp_path)
    assert vs.Tokenizer.from_directory(tmp_path).end_token_ids == (2, 4)
    config["chat_template"] = template.replace("end_of_turn", "stop")
    assert vs.Tokenizer(backend, config).end_token_ids == (2,)


def test_the_list_of_the_generation_configuration_is_kept(
    model: vs.CausalLM, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path)
    ends = {"eos_token_id": [5, 7], "temperature": 0.6}
    (tmp_path / "generation_config.json").write_text(json.dumps(ends))
    vs.CausalLM.from_pretrained(tmp_path).save_pretrained(tmp_path / "again")
    written = json.loads((tmp_path / "again/generation_config.json").read_text())
    assert written == ends
    for end in ends["eos_token_id"]:
        assert_stops_at(vs.CausalLM.from_pretrained(tmp_path / "again"), end)
