"""What overflows is refused with its place, and never a result or a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift import _core
from vaccine_swift.files import write_tensors

BATCH = vs.Batch.pack([vs.Example([1, 2, 3], [1, 2, 3])])
LAYER = "model.layers.{}.{}.weight"
STATES = {
    LAYER.format(0, "self_attn.v_proj"): "the attention output of layer 0",
    "model.norm.weight": "the logits themselves",
    LAYER.format(0, "mlp.up_proj"): "the feed-forward output of layer 0",
}
RESULTS: dict[str, Callable[[vs.CausalLM], Any]] = {
    "the logits of token 0 are": lambda model: model.logits([1, 2, 3]),
    "row 0 of the attention output of layer 0 is": (
        lambda model: model.attention_outputs([1, 2, 3])
    ),
    "row 0 of the residual stream of layer 1 is": (
        lambda model: model.hidden_states(BATCH, layers=[1], what="residual")
    ),
    "the loss is": lambda model: model.loss(BATCH),
    "the logits of supervised token 0 are": (
        lambda model: model.core.log_probabilities(
            BATCH.input_ids, BATCH.labels, BATCH.offsets, 2
        )
    ),
}


def tiny(dtype: str = "float32") -> vs.CausalLM:
    if dtype not in _core.dtypes():
        pytest.skip("the processor does not multiply bfloat16")
    return vs.CausalLM.from_config(vs.tiny_config(), seed=0, dtype=dtype)


def filled(model: vs.CausalLM, kind: str, name: str, value: float) -> None:
    shape = dict(model.core.tensors(kind))[name]
    model.core.write(kind, name, np.full(shape, value, np.float32))


@pytest.mark.parametrize("result", RESULTS)
def test_no_result_holds_what_overflowed(result: str) -> None:
    name = LAYER.format(0, "self_attn.v_proj")
    model = tiny()
    filled(model, "weight", name, 3e38)
    said = f"{result} not finite; .* the attention output of layer 0"
    with pytest.raises(ValueError, match=said):
        RESULTS[result](model)


@pytest.mark.parametrize("name", STATES)
def test_the_first_state_is_named(name: str) -> None:
    model = tiny()
    filled(model, "weight", name, 3e38)
    with pytest.raises(ValueError, match=f"not finite; .*: {STATES[name]}"):
        model.logits([1, 2, 3])


def factors(model: vs.CausalLM, value: float) -> None:
    for name, _ in model.core.tensors("adapter"):
        filled(model, "adapter", name, value)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_adapter_whose_sum_overflows_is_not_merged(dtype: str) -> None:
    model = tiny(dtype)
    model.add_adapter(
        vs.LoRAConfig(r=2, target_modules=["q_proj", "down_proj"]), seed=0
    )
    first = LAYER.format(0, "self_attn.q_proj")
    before = np.array(model.core.read("weight", first))
    last = "base_model.model.model.layers.1.mlp.down_proj.lora_{}.weight"
    factors(model, 0.5)
    for side in "AB":
        filled(model, "adapter", last.format(side), 3e19)
    state = model.adapter_state()
    with pytest.raises(ValueError, match=r"layers\.1\.mlp\.down_proj\.weight, merged"):
        model.merge_adapter()
    np.testing.assert_array_equal(model.core.read("weight", first), before)
    for name, values in model.adapter_state().items():
        np.testing.assert_array_equal(values, state[name])
    for side in "AB":
        filled(model, "adapter", last.format(side), 0.5)
    expected = model.logits([1, 2, 3])
    model.merge_adapter()
    np.testing.assert_allclose(model.logits([1, 2, 3]), expected, atol=0.2)


def test_a_number_beyond_bfloat16_is_not_taken() -> None:
    """Halfway from the largest to 2¹²⁸, which rounds up, and the one below it."""
    model = tiny("bfloat16")
    name = LAYER.format(0, "mlp.up_proj")
    halfway = np.float32(float.fromhex("0x1.FFp127"))
    with pytest.raises(ValueError, match=r"up_proj\.weight: .* beyond what"):
        filled(model, "weight", name, float(halfway))
    filled(model, "weight", name, float(np.nextafter(halfway, np.float32(0))))
    largest = np.float32(float.fromhex("0x1.FEp127"))
    assert (np.asarray(model.core.read("weight", name)) == largest).all()


def test_a_file_that_bfloat16_does_not_hold_is_neither_read_nor_written(
    tmp_path: Path,
) -> None:
    model = tiny()
    filled(model, "weight", LAYER.format(0, "mlp.up_proj"), 3.4e38)
    with pytest.raises(ValueError, match=r"up_proj\.weight .* largest bfloat16"):
        model.save_pretrained(tmp_path / "rounded", dtype="bfloat16")
    model.save_pretrained(tmp_path / "whole")
    vs.CausalLM.from_pretrained(tmp_path / "whole")
    if "bfloat16" in _core.dtypes():
        with pytest.raises(ValueError, match=r"up_proj\.weight: .* beyond what"):
            vs.CausalLM.from_pretrained(tmp_path / "whole", dtype="bfloat16")


def test_an_adapter_that_overflowed_replaces_no_file(tmp_path: Path) -> None:
    """Nobody could read it."""
    model = tiny()
    model.add_adapter(vs.LoRAConfig(r=2), seed=0)
    model.save_adapter(tmp_path / "adapter")
    sound = model.adapter_state()
    for _ in range(2):
        model.engine.adapter.scale(3e38)
    with pytest.raises(ValueError, match=r"lora_A\.weight holds NaN or infinity"):
        model.save_adapter(tmp_path / "adapter")
    assert {each.name for each in tmp_path.iterdir()} == {"adapter"}
    model.load_adapter(tmp_path / "adapter")
    for name, values in model.adapter_state().items():
        np.testing.assert_array_equal(values, sound[name])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_file_of_tensors_holds_what_is_not_finite(
    tmp_path: Path, dtype: str, value: float
) -> None:
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    with pytest.raises(ValueError, match=r"x\.safetensors: b holds NaN or infinity"):
        write_tensors(
            tmp_path / "x.safetensors",
            {"a": np.ones(3, kind), "b": np.array([1, value], kind)},
            {},
        )
    assert list(tmp_path.iterdir()) == []
    write_tensors(tmp_path / "x.safetensors", {"n": np.arange(3)}, {})
