"""Weights in GGUF blocks that cannot be held, and blocks that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoint_files as files
import gguf
import numpy as np
import pytest
import small_models
from quantised_files import write

import vaccine_swift as vs
from vaccine_swift import _core


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_blocks_that_do_not_fit_are_refused_before_they_are_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, "Q8_0")
    monkeypatch.setattr("vaccine_swift._core.available_memory", lambda: 1000)
    with pytest.raises(MemoryError, match=r"model\.gguf: its blocks take .*memory_map"):
        vs.CausalLM.from_pretrained(path, dtype="gguf", memory_map=False)
    vs.CausalLM.from_pretrained(path, dtype="gguf")


def test_a_type_that_is_not_held_is_named_with_the_alternatives(path: Path) -> None:
    config = files.gguf_config(hidden_size=256, intermediate_size=256)
    weights = files.random_weights(config)
    del weights["model.layers.0.mlp.up_proj.weight"]
    kind = gguf.GGMLQuantizationType.Q2_K
    raw = np.zeros((256, 84), np.uint8)
    files.write_gguf(path, config, weights, extra={"blk.0.ffn_up.weight": (raw, kind)})
    with pytest.raises(
        ValueError, match=r"up_proj\.weight is Q2_K.*Q8_0, Q4_0, Q4_1.*dtype='float32'"
    ):
        vs.CausalLM.from_pretrained(path, dtype="gguf")
    assert vs.CausalLM.from_pretrained(path).dtype == "float32"


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1", "Q8_0", "Q5_1", "F16", "F32"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused_by_name(
    path: Path, kind: str, value: float
) -> None:
    config = files.gguf_config()
    weights = files.random_weights(config)
    del weights["model.layers.1.mlp.down_proj.weight"]
    writer_type = gguf.GGMLQuantizationType[kind]
    raw = gguf.quantize(np.ones((32, 64), np.float32), writer_type)
    raw = raw.view(np.uint8).reshape(32, -1).copy()
    width = 4 if kind == "F32" else 2
    number = np.array([value], np.float32 if kind == "F32" else np.float16)
    raw[7, :width] = number.view(np.uint8)
    stored = raw.view({"F16": np.float16, "F32": np.float32}.get(kind, np.uint8))
    files.write_gguf(
        path, config, weights, extra={"blk.1.ffn_down.weight": (stored, writer_type)}
    )
    with pytest.raises(ValueError, match=r"model\.gguf: .*down_proj\.weight: .*NaN"):
        vs.CausalLM.from_pretrained(path, dtype="gguf")


def test_a_file_that_ends_early_is_refused(path: Path) -> None:
    write(path, "Q4_0")
    data = path.read_bytes()
    for size in (len(data) - 200, len(data) // 2, 100):
        path.write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"model\.gguf: truncated or corrupt"):
            vs.CausalLM.from_pretrained(path, dtype="gguf")


NAME = "model.layers.0.mlp.up_proj.weight"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((NAME, "Q4_0", np.zeros((64, 17), np.uint8)), ValueError, "18 bytes, got 17"),
        ((NAME, "Q4_0", np.zeros((63, 18), np.uint8)), ValueError, "64 rows, got 63"),
        ((NAME, "Q4_K", np.zeros((64, 144), np.uint8)), ValueError, "no whole number"),
        ((NAME, "IQ1_S", np.zeros((64, 18), np.uint8)), ValueError, "type IQ1_S"),
        ((NAME, "Q4_0", np.zeros((64, 18), np.int16)), ValueError, "2-D array of uint"),
        ((NAME, "Q4_0", np.zeros(64 * 18, np.uint8)), ValueError, "2-D array of uint8"),
        (
            (NAME, "Q4_0", np.zeros((64, 36), np.uint8)[:, ::2]),
            ValueError,
            "2-D array of uint8",
        ),
        ((NAME, "Q4_0", [[1]]), TypeError, "blocks must be a numpy array"),
        (("x", "Q4_0", np.zeros((64, 18), np.uint8)), ValueError, "no weight tensor"),
        (
            ("model.norm.weight", "F32", np.zeros((1, 128), np.uint8)),
            RuntimeError,
            "held as numbers",
        ),
        (
            (NAME, "Q4_0", np.zeros((64, 18), np.uint8), np.arange(63)),
            ValueError,
            "order must be 64 row numbers",
        ),
        (
            (NAME, "Q4_0", np.zeros((64, 18), np.uint8), np.arange(64) - 1),
            ValueError,
            "order must be 64 row numbers",
        ),
    ],
)
def test_the_core_refuses_blocks_that_do_not_fit(
    arguments: tuple[Any, ...], error: type[Exception], words: str
) -> None:
    model = vs.quantize(small_models.small())
    before = model.logits(small_models.IDS)
    with pytest.raises(error, match=words):
        model.core.lend(*arguments)
    np.testing.assert_array_equal(model.logits(small_models.IDS), before)


def test_the_core_neither_overwrites_blocks_nor_fails_without_them() -> None:
    model = vs.quantize(small_models.small())
    with pytest.raises(RuntimeError, match="GGUF blocks"):
        model.core.write("weight", NAME, np.zeros((64, 32), np.float32))
    with pytest.raises(RuntimeError, match="GGUF blocks"):
        model.core.initialise(0)
    empty = _core.Model(model.core.configuration)
    assert not np.asarray(empty.read("weight", NAME)).any()
    with pytest.raises(ValueError, match="missing tensors"):
        empty.check_complete()
    numbers = small_models.small()
    with pytest.raises(RuntimeError, match="held as numbers"):
        numbers.core.lend(NAME, "Q4_0", np.zeros((64, 18), np.uint8))
