"""Matrices of numbers made into blocks, and blocks back into numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoint_files as files
import gguf
import numpy as np
import pytest
import small_models

import vaccine_swift as vs
from vaccine_swift.models import core_weights


def test_a_directory_is_not_loaded_in_blocks_but_quantised(tmp_path: Path) -> None:
    config = files.gguf_config()
    files.write_directory(tmp_path / "hf", config, files.random_weights(config))
    with pytest.raises(ValueError, match=r"is a directory; vaccine_swift\.quantize"):
        vs.CausalLM.from_pretrained(tmp_path / "hf", dtype="gguf")
    with pytest.raises(ValueError, match=r"vaccine_swift\.quantize"):
        vs.CausalLM.from_config(config, dtype="gguf")


@pytest.mark.parametrize("kind", ["q8_0", "q4_0"])
@pytest.mark.parametrize("head", ["tied", "untied"])
def test_quantised_matrices_are_those_of_the_gguf_package(
    tmp_path: Path, kind: str, head: str
) -> None:
    config = files.gguf_config(tie_word_embeddings=head == "tied")
    weights = files.random_weights(config)
    directory = files.write_directory(tmp_path / "hf", config, weights)
    model = vs.CausalLM.from_pretrained(directory)
    for found in (vs.quantize(model, kind), vs.quantize(directory, kind)):
        assert (found.dtype, model.dtype) == ("gguf", "float32")
        for name, values in weights.items():
            if values.ndim == 2:
                whole = "embed" in name or "lm_head" in name
                own = gguf.GGMLQuantizationType["Q8_0" if whole else kind.upper()]
                values = gguf.dequantize(gguf.quantize(values, own), own)
            np.testing.assert_array_equal(found._read("weight", name), values, name)


def test_rows_that_are_no_whole_number_of_blocks_stay_numbers() -> None:
    model = vs.CausalLM.from_config(vs.tiny_config(intermediate_size=40), seed=3)
    small = vs.quantize(model, "q4_0")
    name = "model.layers.0.mlp.{}_proj.weight"
    down = small._read("weight", name.format("down"))
    np.testing.assert_array_equal(down, model._read("weight", name.format("down")))
    up = small._read("weight", name.format("up"))
    assert np.any(up != model._read("weight", name.format("up")))


@pytest.mark.parametrize(
    ("model", "kind", "error", "words"),
    [
        (small_models.small, "q2_k", ValueError, "'q8_0', 'q4_0', got 'q2_k'"),
        (lambda: 3, "q8_0", TypeError, "model must be a CausalLM or a directory"),
        (lambda: "model.gguf", "q8_0", ValueError, "dtype='gguf'"),
        (
            lambda: small_models.with_adapter(small_models.small()),
            "q8_0",
            RuntimeError,
            "merge_adapter or remove_adapter",
        ),
        (lambda: vs.quantize(small_models.small()), "q8_0", ValueError, "already"),
    ],
)
def test_what_cannot_be_quantised_is_refused(
    model: Any, kind: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words.replace("(", r"\(")):
        vs.quantize(model(), kind)


def test_merging_gives_float32_weights() -> None:
    blocks = vs.quantize(small_models.small())
    numbers = vs.CausalLM.from_config(vs.tiny_config(), seed=1)
    for name in numbers._shapes("weight"):
        numbers._model.write("weight", name, blocks._read("weight", name))
    for model in (blocks, numbers):
        small_models.with_adapter(model)
        model.merge_adapter()
        assert model.adapter is None
        assert model.dtype == "float32"
    np.testing.assert_array_equal(
        blocks.logits(small_models.IDS), numbers.logits(small_models.IDS)
    )


def test_merging_that_does_not_fit_says_what_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = small_models.with_adapter(vs.quantize(small_models.small()))
    expected = model.logits(small_models.IDS)

    class Full:
        def __new__(cls, fields: dict[str, Any]) -> None:
            raise MemoryError("the model needs 27000 MB, but only 3 MB are available")

    monkeypatch.setattr(core_weights._core, "Model", Full)
    with pytest.raises(MemoryError, match="become float32: the model needs 27000 MB"):
        model.merge_adapter()
    assert model.dtype == "gguf"
    np.testing.assert_array_equal(model.logits(small_models.IDS), expected)


def test_saving_asks_for_the_dtype(tmp_path: Path) -> None:
    model = vs.quantize(small_models.small())
    with pytest.raises(ValueError, match="dtype must be given.*'float32'"):
        model.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()
    model.save_pretrained(tmp_path / "saved", dtype="float32")
    again = vs.CausalLM.from_pretrained(tmp_path / "saved")
    np.testing.assert_array_equal(
        again.logits(small_models.IDS), model.logits(small_models.IDS)
    )
