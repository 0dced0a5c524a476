"""Models whose frozen weights are held in bfloat16, where the processor has it."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from training_support import CONFIG, adapter_bytes, examples, trainer

import vaccine_swift as vs
from vaccine_swift import _core

pytestmark = pytest.mark.skipif(
    "bfloat16" not in _core.dtypes(), reason="the processor does not multiply bfloat16"
)


def test_saved_weights_are_the_rounded_ones(tmp_path) -> None:
    exact = vs.CausalLM.from_config(CONFIG, seed=0)
    vs.CausalLM.from_config(CONFIG, seed=0, dtype="bfloat16").save_pretrained(tmp_path)
    read = vs.CausalLM.from_pretrained(tmp_path)
    for name in (
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.1.mlp.down_proj.weight",
    ):
        rounded = exact._read("weight", name).astype(ml_dtypes.bfloat16)
        found = read._read("weight", name)
        np.testing.assert_array_equal(found, rounded.astype(np.float32))


def test_an_adapter_trains_on_them(tmp_path) -> None:
    weights = []
    for dtype in ("float32", "bfloat16"):
        model = vs.CausalLM.from_config(CONFIG, seed=0, dtype=dtype)
        model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=4), seed=0)
        before = adapter_bytes(model)
        trainer(tmp_path, model=model, data=examples(6), report_to="none").train()
        assert adapter_bytes(model) != before
        weights.append(np.frombuffer(adapter_bytes(model), np.float32))
    # Three steps of 1e-2 at most, each in nearly the same direction.
    assert np.abs(weights[0] - weights[1]).max() <= 2 * 3 * 1.1e-2
    assert np.corrcoef(weights)[0, 1] > 0.9
