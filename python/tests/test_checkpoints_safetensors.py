"""Hugging Face directories: values, dtypes, shards, and files that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoint_files as files
import ml_dtypes
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

import vaccine_swift as vs
from vaccine_swift import _core

CONFIG = vs.tiny_config(tie_word_embeddings=False, attention_bias=True, mlp_bias=True)
WEIGHTS = files.random_weights(CONFIG)


def read_weights(model: vs.CausalLM, directory: Path) -> dict[str, np.ndarray]:
    """The model's weights, through `save_pretrained` and the safetensors library."""
    model.save_pretrained(directory)
    return load_file(directory / "model.safetensors")


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return files.write_directory(tmp_path / "model", CONFIG, WEIGHTS)


def test_float32_weights_arrive_and_leave_bit_for_bit(
    directory: Path, tmp_path: Path
) -> None:
    model = vs.CausalLM.from_pretrained(directory)
    assert_same(read_weights(model, tmp_path / "saved"), WEIGHTS)
    assert model.num_parameters == sum(values.size for values in WEIGHTS.values())
    assert model.config == CONFIG
    assert model.tokenizer is None


def test_float16_weights_are_widened_exactly(tmp_path: Path) -> None:
    half = {name: values.astype(np.float16) for name, values in WEIGHTS.items()}
    directory = files.write_directory(tmp_path / "half", CONFIG, half)
    model = vs.CausalLM.from_pretrained(directory)
    expected = {name: values.astype(np.float32) for name, values in half.items()}
    assert_same(read_weights(model, tmp_path / "saved"), expected)


def test_bfloat16_weights_are_widened_exactly(directory: Path, tmp_path: Path) -> None:
    files.write_bfloat16(directory / "model.safetensors", WEIGHTS)
    model = vs.CausalLM.from_pretrained(directory)
    expected = {name: files.cut_to_bfloat16(v) for name, v in WEIGHTS.items()}
    assert_same(read_weights(model, tmp_path / "saved"), expected)


def test_shards_hold_the_same_model_as_one_file(
    directory: Path, tmp_path: Path
) -> None:
    model = vs.CausalLM.from_pretrained(directory)
    limit = 20_000
    model.save_pretrained(tmp_path / "shards", max_shard_bytes=limit)
    index = json.loads((tmp_path / "shards/model.safetensors.index.json").read_text())
    names = set(index["weight_map"].values())
    assert len(names) > 2
    assert index["metadata"]["total_size"] == 4 * model.num_parameters
    for name in names:
        tensors = load_file(tmp_path / "shards" / name)
        assert sum(values.nbytes for values in tensors.values()) <= limit
        assert {index["weight_map"][tensor] for tensor in tensors} == {name}
    again = vs.CausalLM.from_pretrained(tmp_path / "shards")
    assert_same(read_weights(again, tmp_path / "saved"), WEIGHTS)


def test_saving_replaces_the_weights_of_an_earlier_save_and_nothing_else(
    directory: Path, tmp_path: Path
) -> None:
    model = vs.CausalLM.from_pretrained(directory)
    target = tmp_path / "target"
    model.save_pretrained(target, max_shard_bytes=20_000)
    (target / "notes.txt").write_text("mine")
    model.save_pretrained(target)
    assert {path.name for path in target.iterdir()} == {
        "config.json",
        "model.safetensors",
        "notes.txt",
    }


def test_tied_weights_have_no_matrix_of_their_own(tmp_path: Path) -> None:
    config = vs.tiny_config()
    weights = files.random_weights(config)
    copied = {**weights, "lm_head.weight": weights["model.embed_tokens.weight"].copy()}
    directory = files.write_directory(tmp_path / "model", config, copied)
    model = vs.CausalLM.from_pretrained(directory)
    assert_same(read_weights(model, tmp_path / "saved"), weights)
    copied["lm_head.weight"][0, 0] += 1
    files.write_directory(directory, config, copied)
    with pytest.raises(ValueError, match=r"lm_head\.weight differs"):
        vs.CausalLM.from_pretrained(directory)


def test_rotary_buffers_of_old_checkpoints_are_passed_over(directory: Path) -> None:
    buffer = {"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(4, np.float32)}
    files.write_directory(directory, CONFIG, WEIGHTS | buffer)
    model = vs.CausalLM.from_pretrained(directory)
    assert_same(read_weights(model, directory.parent / "saved"), WEIGHTS)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer.model", "vocab.json"])
def test_a_tokenizer_file_that_cannot_be_read_is_named(
    directory: Path, name: str
) -> None:
    (directory / name).write_bytes(b"\xff")
    (directory / "merges.txt").write_text("")
    with pytest.raises(ValueError, match=name):
        vs.CausalLM.from_pretrained(directory)


def test_missing_surplus_and_misshapen_tensors_are_named_together(
    directory: Path,
) -> None:
    weights = dict(WEIGHTS)
    del weights["model.norm.weight"]
    weights["model.layers.0.self_attn.q_norm.weight"] = np.ones(8, np.float32)
    weights["lm_head.weight"] = np.ones((128, 33), np.float32)
    files.write_directory(directory, CONFIG, weights)
    with pytest.raises(ValueError, match="missing tensors") as caught:
        vs.CausalLM.from_pretrained(directory)
    message = str(caught.value)
    assert str(directory) in message
    assert "missing tensors: model.norm.weight" in message
    assert "surplus tensors: model.layers.0.self_attn.q_norm.weight" in message
    assert "lm_head.weight has shape [128, 33], expected [128, 32]" in message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_named(directory: Path, value: float) -> None:
    weights = {name: values.copy() for name, values in WEIGHTS.items()}
    weights["model.layers.1.mlp.up_proj.weight"][3, 5] = value
    files.write_directory(directory, CONFIG, weights)
    with pytest.raises(ValueError, match=r"layers\.1\.mlp\.up_proj\.weight"):
        vs.CausalLM.from_pretrained(directory)


@pytest.mark.parametrize("listed", ["lm_head.weight", "model.norm.weight"])
def test_tensors_that_an_index_does_not_list_are_used_all_the_same(
    directory: Path, tmp_path: Path, listed: str
) -> None:
    files.move_to_shard(directory, {listed: "part.safetensors"})
    model = vs.CausalLM.from_pretrained(directory)
    assert_same(read_weights(model, tmp_path / "saved"), WEIGHTS)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("model.layers.0.self_attn.rotary_emb.inv_freq", np.ones(4, np.float32)),
        ("model.rotary_emb.inv_freq", np.ones(4, np.float64)),
        ("model.layers.1.self_attn.rotary_emb.cos_cached", np.ones((8, 4), "f2")),
        ("model.layers.0.self_attn.masked_bias", np.array(-1e9, np.float32)),
        ("model.layers.0.self_attn.bias", np.ones((1, 1, 4, 4), np.bool_)),
        ("model.embed_tokens.position_ids", np.arange(8)),
    ],
)
def test_buffers_that_old_checkpoints_keep_are_passed_over(
    tmp_path: Path, name: str, values: np.ndarray
) -> None:
    directory = files.write_directory(tmp_path / "m", CONFIG, WEIGHTS | {name: values})
    model = vs.CausalLM.from_pretrained(directory)
    assert_same(read_weights(model, tmp_path / "saved"), WEIGHTS)


def exactly(model: vs.CausalLM, kind: Any) -> dict[str, np.ndarray]:
    return {
        name: model._read("weight", name).astype(kind).astype(np.float32)
        for name in model._shapes("weight")
    }


@pytest.mark.parametrize(
    ("dtype", "kind", "named"),
    [
        ("bfloat16", ml_dtypes.bfloat16, "BF16"),
        ("float16", np.float16, "F16"),
        ("float32", np.float32, "F32"),
    ],
)
def test_weights_are_saved_rounded_in_the_dtype_that_is_asked_for(
    directory: Path, tmp_path: Path, dtype: str, kind: Any, named: str
) -> None:
    model = vs.CausalLM.from_pretrained(directory)
    model.save_pretrained(tmp_path / "saved", dtype=dtype)
    config = json.loads((tmp_path / "saved/config.json").read_text())
    assert config["torch_dtype"] == dtype
    with safe_open(tmp_path / "saved/model.safetensors", "numpy") as file:
        kinds = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    assert kinds == {named}
    again = vs.CausalLM.from_pretrained(tmp_path / "saved")
    assert_same(exactly(again, np.float32), exactly(model, kind))


@pytest.mark.skipif("bfloat16" not in _core.dtypes(), reason="no bfloat16 here")
def test_a_bfloat16_model_stays_bfloat16(directory: Path, tmp_path: Path) -> None:
    model = vs.CausalLM.from_pretrained(directory, dtype="bfloat16")
    model.save_pretrained(tmp_path / "saved", max_shard_bytes=20_000)
    total = sum(path.stat().st_size for path in (tmp_path / "saved").glob("*.safet*"))
    assert total < 3 * model.num_parameters
    again = vs.CausalLM.from_pretrained(tmp_path / "saved", dtype="bfloat16")
    ids = [3, 1, 4, 1, 5]
    error = np.abs(again.logits(ids) - model.logits(ids)).max()
    # Norms and biases are rounded to 8 bits as well.
    assert error <= 2**-7 * np.abs(model.logits(ids)).max()


def test_a_wrong_dtype_and_an_overflow_are_refused_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    large = WEIGHTS | {name: np.full_like(WEIGHTS[name], 1e5)}
    directory = files.write_directory(tmp_path / "m", CONFIG, large)
    model = vs.CausalLM.from_pretrained(directory)
    with pytest.raises(ValueError, match=r"up_proj\.weight .* largest float16"):
        model.save_pretrained(tmp_path / "saved", dtype="float16")
    with pytest.raises(ValueError, match="Did you mean 'bfloat16'"):
        model.save_pretrained(tmp_path / "saved", dtype="bflot16")
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("someone/some-model", "hf download someone/some-model --local-dir some-model"),
        ("a/b.v2", "hf download a/b.v2 --local-dir b.v2"),
    ],
)
def test_the_name_of_a_model_on_the_hub_is_told_how_to_become_a_path(
    path: str, command: str
) -> None:
    with pytest.raises(FileNotFoundError, match=command):
        vs.CausalLM.from_pretrained(path)
    model = vs.CausalLM.from_config(vs.tiny_config())
    with pytest.raises(FileNotFoundError, match=command):
        model.load_adapter(path)
    with pytest.raises(FileNotFoundError, match=command):
        vs.Tokenizer.from_directory(path)


@pytest.mark.parametrize("path", ["./a/b", "/a/b", "a", "a/b/c", "../a"])
def test_other_paths_are_not_taken_for_names_on_the_hub(path: str) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        vs.CausalLM.from_pretrained(path)
    assert ("hf download" in str(caught.value)) == (path == "./a/b")


def test_a_full_disk_leaves_the_old_checkpoint(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = vs.CausalLM.from_pretrained(directory)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vaccine_swift.checkpoints.saving.write_tensors", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        model.save_pretrained(directory)
    assert caught.value.filename == str(directory)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
    assert list(directory.parent.iterdir()) == [directory]
