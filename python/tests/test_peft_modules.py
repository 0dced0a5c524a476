"""Which modules an adapter's files adapt, each with its rank and scale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from peft_files import IDS, OPTIONS, random_tensors, write_adapter

import vaccine_swift as vs


def updated_weights(
    tensors: dict[str, np.ndarray], scale: Callable[[str], float]
) -> dict[str, np.ndarray]:
    """W + scale · B A of every adapted projection, in numpy."""
    base = vs.CausalLM.from_config(vs.tiny_config(), seed=1)
    prefix, ending = "base_model.model.", ".lora_A.weight"
    updated = {}
    for name, down in tensors.items():
        if not name.endswith(ending):
            continue
        module = name.removeprefix(prefix).removesuffix(ending)
        up = tensors[name.replace("lora_A", "lora_B")]
        weight = base._read("weight", f"{module}.weight")
        updated[module] = weight + scale(module) * (up @ down)
    return updated


@pytest.mark.parametrize(
    ("changes", "ranks", "scale"),
    [
        ({"use_rslora": True}, {}, lambda _: 6 / 2),
        (
            {"rank_pattern": {"v_proj": 2}},
            {"v_proj": 2},
            lambda name: 6 / 2 if "v_proj" in name else 6 / 4,
        ),
        (
            {"rank_pattern": {r"layers\.1\.self_attn\..*": 1}, "use_rslora": True},
            {"layers.1": 1},
            lambda name: 6 / 1 if "layers.1" in name else 6 / 2,
        ),
        (
            {"alpha_pattern": {"0.self_attn.q_proj": 1.5, "q_proj": 3}},
            {},
            lambda name: (
                1.5 / 4
                if "layers.0.self_attn.q" in name
                else 3 / 4
                if "q_proj" in name
                else 6 / 4
            ),
        ),
        (
            {"rank_pattern": {"q_proj": 3}, "alpha_pattern": {"self_attn.q_proj": 9}},
            {"q_proj": 3},
            lambda name: 9 / 3 if "q_proj" in name else 6 / 4,
        ),
    ],
)
def test_every_module_has_its_rank_and_scale(
    tmp_path: Path,
    changes: dict[str, Any],
    ranks: dict[str, int],
    scale: Callable[[str], float],
) -> None:
    tensors = {
        name: random_tensors(
            next((rank for part, rank in ranks.items() if part in name), 4)
        )[name]
        for name in random_tensors()
    }
    model = vs.CausalLM.from_config(vs.tiny_config(), seed=1)
    model.load_adapter(write_adapter(tmp_path / "a", OPTIONS | changes, tensors))
    adapted = model.logits(IDS)
    model.save_adapter(tmp_path / "saved")
    again = vs.CausalLM.from_config(vs.tiny_config(), seed=1)
    again.load_adapter(tmp_path / "saved")
    assert again.adapter == model.adapter
    np.testing.assert_array_equal(again.logits(IDS), adapted)
    model.merge_adapter()
    for module, expected in updated_weights(tensors, scale).items():
        found = model._read("weight", f"{module}.weight")
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.logits(IDS), adapted, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"layers_to_transform": [1]}, ["1.self_attn.q_proj", "1.self_attn.v_proj"]),
        ({"layers_to_transform": 0}, ["0.self_attn.q_proj", "0.self_attn.v_proj"]),
        (
            {"exclude_modules": ["v_proj"], "layers_pattern": "layers"},
            ["0.self_attn.q_proj", "1.self_attn.q_proj"],
        ),
        (
            {"exclude_modules": r".*1\.self_attn\.q_proj"},
            ["0.self_attn.q_proj", "0.self_attn.v_proj", "1.self_attn.v_proj"],
        ),
        (
            {"target_modules": r"model\.layers\.\d\.self_attn\.q_proj"},
            ["0.self_attn.q_proj", "1.self_attn.q_proj"],
        ),
        (
            {"target_modules": ["0.self_attn.q_proj", "v_proj"]},
            ["0.self_attn.q_proj", "0.self_attn.v_proj", "1.self_attn.v_proj"],
        ),
    ],
)
def test_only_the_modules_that_are_meant_are_adapted(
    tmp_path: Path, changes: dict[str, Any], kept: list[str]
) -> None:
    tensors = {
        name: values
        for name, values in random_tensors().items()
        if any(f"layers.{module}" in name for module in kept)
    }
    model = vs.CausalLM.from_config(vs.tiny_config(), seed=1)
    model.load_adapter(write_adapter(tmp_path / "a", OPTIONS | changes, tensors))
    assert model.adapter_state().keys() == tensors.keys()
    model.save_adapter(tmp_path / "saved")
    again = vs.CausalLM.from_config(vs.tiny_config(), seed=1)
    again.load_adapter(tmp_path / "saved")
    assert again.adapter == model.adapter
    np.testing.assert_array_equal(again.logits(IDS), model.logits(IDS))
    batch = vs.Batch.pack([vs.Example(IDS, IDS)])
    again.forward_backward(batch)
    assert all(np.any(values) for values in again.gradients().values())
