"""Hugging Face directories that are incomplete, cut short, damaged or lie."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import checkpoint_files as files
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

import vaccine_swift as vs
from vaccine_swift.checkpoints.safetensors import SafetensorsFile

CONFIG = vs.tiny_config(tie_word_embeddings=False, attention_bias=True, mlp_bias=True)
WEIGHTS = files.random_weights(CONFIG)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return files.write_directory(tmp_path / "model", CONFIG, WEIGHTS)


def test_other_dtypes_are_refused_by_name(directory: Path) -> None:
    weights = WEIGHTS | {"model.norm.weight": np.ones(32, np.float64)}
    files.write_directory(directory, CONFIG, weights)
    with pytest.raises(ValueError, match=r"model\.norm\.weight is F64"):
        vs.CausalLM.from_pretrained(directory)


def drop_weights(directory: Path) -> None:
    (directory / "model.safetensors").unlink()


def drop_config(directory: Path) -> None:
    (directory / "config.json").unlink()


def only_adapter(directory: Path) -> None:
    drop_config(directory)
    (directory / "adapter_config.json").write_text("{}")


def missing_shard(directory: Path) -> None:
    files.move_to_shard(directory, dict.fromkeys(WEIGHTS, "other.safetensors"))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (shutil.rmtree, "no such Hugging Face directory"),
        (drop_config, "no config.json"),
        (drop_weights, "no model.safetensors or pytorch_model.bin"),
        (only_adapter, "load_adapter"),
        (missing_shard, "other.safetensors"),
    ],
)
def test_a_file_that_is_not_there_is_named(
    directory: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(directory)
    with pytest.raises(FileNotFoundError) as caught:
        vs.CausalLM.from_pretrained(directory)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("weight_map", "words"),
    [
        (None, "weight_map must map"),
        ({}, "weight_map must map"),
        ([], "weight_map must map"),
        (dict.fromkeys(WEIGHTS, "../part.safetensors"), "the name of a file beside it"),
        (dict.fromkeys(WEIGHTS, "a" * 300), "must be the name of a file beside it"),
        (dict.fromkeys(WEIGHTS, "ü" * 130), "must be the name of a file beside it"),
        (dict.fromkeys(WEIGHTS, 3), "must hold strings"),
        (dict.fromkeys([*WEIGHTS, "x"], "part.safetensors"), "x is not in part"),
    ],
)
def test_an_index_that_lies_is_refused(
    directory: Path, weight_map: object, words: str
) -> None:
    files.move_to_shard(directory, weight_map)
    with pytest.raises(ValueError, match=r"index\.json") as caught:
        vs.CausalLM.from_pretrained(directory)
    assert words in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_corrupt_config_is_a_value_error_that_names_the_file(
    directory: Path, content: bytes
) -> None:
    (directory / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json"):
        vs.CausalLM.from_pretrained(directory)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "small.safetensors"
    save_file({"a": np.arange(6, dtype=np.float32), "b": np.ones((2, 2), "f2")}, path)
    return path


@settings(max_examples=200)
@given(data=st.data())
def test_a_cut_file_is_refused_and_a_damaged_one_never_breaks_the_process(
    small_file: Path, data: st.DataObject
) -> None:
    whole = small_file.read_bytes()
    cut = small_file.with_name("cut.safetensors")
    cut.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ValueError, match=r"cut\.safetensors"):
        SafetensorsFile(cut)
    position = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[position] ^= data.draw(st.integers(1, 255))
    cut.write_bytes(damaged)
    try:
        file = SafetensorsFile(cut)
    except ValueError:
        return
    for name, shape in file.shapes.items():
        assert file.read(name).shape == shape


def test_an_unknown_dtype_is_refused_with_the_known_ones(directory: Path) -> None:
    known = "dtype must be one of 'float32', ('bfloat16', )?'auto', got 'int8'"
    with pytest.raises(ValueError, match=known):
        vs.CausalLM.from_pretrained(directory, dtype="int8")
