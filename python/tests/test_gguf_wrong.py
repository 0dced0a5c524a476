"""GGUF files that are cut short, damaged, contradict themselves or are not for us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoint_files as files
import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vaccine_swift as vs
from vaccine_swift.checkpoints.gguf import GGUFFile

CONFIG = files.gguf_config(rope_theta=100000.0)
WEIGHTS = files.random_weights(CONFIG)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"llama.expert_count": 8}, "num_local_experts = 8"),
        ({"llama.attention.key_length": 16}, "partial_rotary_factor = 0.5"),
        ({"llama.attention.value_length": 16}, "value_length 16"),
        ({"llama.attention.sliding_window": 64}, "sliding_window 64"),
        ({"split.count": 3}, "one of 3 parts"),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(
    path: Path, metadata: dict[str, Any], words: str
) -> None:
    files.write_gguf(path, CONFIG, WEIGHTS, metadata=metadata)
    with pytest.raises(ValueError, match=r"model\.gguf") as caught:
        vs.CausalLM.from_pretrained(path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("split.count", "two"),
        ("split.count", [1, 2]),
        ("general.architecture", 3),
        ("llama.rope.dimension_count", "8"),
        ("llama.rope.dimension_count", [8]),
        ("llama.rope.freq_base", "1e4"),
        ("llama.rope.scaling.type", 3),
        ("llama.rope.scaling.factor", "two"),
        ("llama.rope.scaling.original_context_length", "x"),
        ("llama.attention.value_length", [8]),
        ("llama.attention.key_length", "8"),
        ("llama.attention.head_count", [4, 4]),
        ("llama.attention.layer_norm_rms_epsilon", "small"),
        ("llama.block_count", 2.0),
        ("llama.block_count", True),
        ("tokenizer.ggml.model", 3),
        ("tokenizer.ggml.pre", [1]),
        ("tokenizer.ggml.tokens", "abc"),
        ("tokenizer.ggml.tokens", [1, 2]),
        ("tokenizer.ggml.token_type", 3),
        ("tokenizer.ggml.token_type", ["a"]),
        ("tokenizer.ggml.merges", "a b"),
        ("tokenizer.ggml.merges", [1]),
        ("tokenizer.ggml.add_bos_token", "false"),
        ("tokenizer.ggml.add_eos_token", 0),
        ("tokenizer.ggml.bos_token_id", "1"),
        ("tokenizer.ggml.eos_token_id", 0.5),
        ("tokenizer.ggml.eot_token_id", [0]),
        ("tokenizer.ggml.eom_token_id", "x"),
        ("tokenizer.ggml.padding_token_id", True),
        ("tokenizer.ggml.unknown_token_id", "x"),
        ("tokenizer.chat_template", 3),
    ],
)
def test_a_value_of_the_wrong_type_names_file_and_key(
    path: Path, key: str, value: Any
) -> None:
    metadata = files.tokenizer_metadata() | {key: value}
    files.write_gguf(path, CONFIG, WEIGHTS, metadata=metadata)
    with pytest.raises(ValueError, match=r"model\.gguf") as caught:
        vs.CausalLM.from_pretrained(path)
    assert key in str(caught.value)


def test_a_vocabulary_that_does_not_fit_the_embedding_is_refused(path: Path) -> None:
    tokens, types = files.vocabulary()
    count = len(tokens)
    metadata = files.tokenizer_metadata(
        tokens=[*tokens, "<one more>"], token_type=[*types, 1]
    )
    files.write_gguf(path, CONFIG, WEIGHTS, metadata=metadata)
    words = rf"tokens holds {count + 1} tokens, but the embedding has {count} rows"
    with pytest.raises(ValueError, match=words):
        vs.CausalLM.from_pretrained(path)


def test_another_architecture_is_refused_by_name(path: Path) -> None:
    writer = gguf.GGUFWriter(path, "mamba")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(
        ValueError, match="general.architecture must be one of 'llama', .*got 'mam"
    ):
        vs.CausalLM.from_pretrained(path)


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_sizes_that_a_file_leaves_out_take_no_default(
    path: Path, architecture: str
) -> None:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(
        ValueError,
        match=rf"missing keys: {architecture}.embedding_length, .*head_count$",
    ):
        vs.CausalLM.from_pretrained(path)


def test_an_unknown_metadata_key_is_warned_of(path: Path) -> None:
    files.write_gguf(path, CONFIG, WEIGHTS, metadata={"llama.new_feature": 1})
    with pytest.warns(UserWarning, match=r"llama\.new_feature"):
        vs.CausalLM.from_pretrained(path)


def test_missing_and_surplus_tensors_are_named(path: Path) -> None:
    weights = dict(WEIGHTS)
    del weights["model.layers.1.mlp.gate_proj.weight"]
    extra = {"blk.0.attn_q_norm.weight": np.ones(8, np.float32)}
    files.write_gguf(path, CONFIG, weights, extra=extra)
    with pytest.raises(ValueError, match="missing tensors") as caught:
        vs.CausalLM.from_pretrained(path)
    message = str(caught.value)
    assert "model.layers.1.mlp.gate_proj.weight" in message
    assert "surplus tensors: blk.0.attn_q_norm.weight" in message


def test_integer_tensors_are_refused_by_name(path: Path) -> None:
    extra = {"blk.0.attn_q.table": np.ones(8, np.int32)}
    files.write_gguf(path, CONFIG, WEIGHTS, extra=extra)
    with pytest.raises(ValueError, match=r"blk\.0\.attn_q\.table \(I32\)"):
        GGUFFile(path)


def test_no_file_and_another_suffix_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.gguf"):
        vs.CausalLM.from_pretrained(tmp_path / "none.gguf")
    (tmp_path / "model.bin").write_bytes(b"GGUF")
    with pytest.raises(ValueError, match="must be a Hugging Face directory or a .gguf"):
        vs.CausalLM.from_pretrained(tmp_path / "model.bin")


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "whole.gguf"
    return files.write_gguf(path, CONFIG, WEIGHTS, metadata=files.tokenizer_metadata())


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_cut_file_is_a_value_error_that_names_it(
    whole_file: Path, data: st.DataObject
) -> None:
    whole = whole_file.read_bytes()
    cut = whole_file.with_name("cut.gguf")
    cut.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ValueError, match=r"cut\.gguf"):
        GGUFFile(cut)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_header_gives_a_file_or_a_value_error(
    whole_file: Path, data: st.DataObject
) -> None:
    damaged = bytearray(whole_file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, 8000))
        damaged[position] ^= data.draw(st.integers(1, 255))
    path = whole_file.with_name("damaged.gguf")
    path.write_bytes(damaged)
    try:
        model = vs.CausalLM.from_pretrained(path)
    except (ValueError, MemoryError):
        return
    assert model.num_parameters > 0
