"""Adapters in PEFT's files: round trips, refusals, and models left as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch_archives
from peft_files import IDS, OPTIONS, random_tensors, write_adapter
from safetensors.numpy import load_file

import vaccine_swift as vs


def adapted_model(**options: Any) -> vs.CausalLM:
    """A tiny model whose adapter matters."""
    model = vs.CausalLM.from_config(vs.tiny_config(), seed=1)
    model.add_adapter(vs.LoRAConfig(**{"r": 4, "lora_alpha": 6, **options}), seed=2)
    generator = np.random.default_rng(3)
    for name, values in model.adapter_state().items():
        model._model.write("adapter", name, generator.normal(0, 0.3, values.shape))
    return model


def test_a_saved_adapter_gives_the_same_logits_on_a_fresh_model(tmp_path: Path) -> None:
    model = adapted_model(lora_alpha=0.5, target_modules=["o_proj", "gate_proj"])
    expected = model.logits(IDS)
    model.save_adapter(tmp_path / "adapter")
    fresh = vs.CausalLM.from_config(vs.tiny_config(), seed=1)
    assert not np.allclose(fresh.logits(IDS), expected, atol=1e-4)
    fresh.load_adapter(tmp_path / "adapter")
    assert fresh.adapter == model.adapter
    np.testing.assert_array_equal(fresh.logits(IDS), expected)


def test_saved_files_hold_pefts_names_shapes_and_options(tmp_path: Path) -> None:
    model = adapted_model(target_modules=["k_proj"], lora_dropout=0.1)
    model.save_adapter(tmp_path)
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    prefix = "base_model.model.model.layers.1.self_attn.k_proj"
    assert len(tensors) == 4
    assert tensors[prefix + ".lora_A.weight"].shape == (4, 32)
    assert tensors[prefix + ".lora_B.weight"].shape == (16, 4)
    options = json.loads((tmp_path / "adapter_config.json").read_text())
    expected = {"r": 4, "lora_alpha": 6, "lora_dropout": 0.1, "bias": "none"}
    assert {key: options[key] for key in expected} == expected
    assert (options["peft_type"], options["task_type"]) == ("LORA", "CAUSAL_LM")
    assert options["target_modules"] == ["k_proj"]


def test_loaded_weights_are_the_files_in_float32_and_float16(tmp_path: Path) -> None:
    tensors = random_tensors()
    model = vs.CausalLM.from_config(vs.tiny_config())
    model.load_adapter(write_adapter(tmp_path / "a", OPTIONS, tensors))
    assert model.adapter == vs.LoRAConfig(
        r=4, lora_alpha=6, lora_dropout=0.1, target_modules=["q_proj", "v_proj"]
    )
    for name, values in model.adapter_state().items():
        np.testing.assert_array_equal(values, tensors[name])
    half = {name: values.astype(np.float16) for name, values in tensors.items()}
    model.load_adapter(write_adapter(tmp_path / "a", OPTIONS, half))
    for name, values in model.adapter_state().items():
        np.testing.assert_array_equal(values, half[name].astype(np.float32))


def test_layers_spelt_out_by_peft_are_those_that_are_adapted(tmp_path: Path) -> None:
    names = [
        f"model.layers.{layer}.self_attn.{module}"
        for layer in range(2)
        for module in ("q_proj", "v_proj")
    ]
    options = OPTIONS | {"target_modules": names}
    model = vs.CausalLM.from_config(vs.tiny_config())
    model.load_adapter(write_adapter(tmp_path / "a", options, random_tensors()))
    assert model.adapter.target_modules == ("q_proj", "v_proj")
    options["target_modules"] = names[:2]
    tensors = {k: v for k, v in random_tensors().items() if "layers.0" in k}
    model.load_adapter(write_adapter(tmp_path / "b", options, tensors))
    assert model.adapter.target_modules == tuple(names[:2])
    assert model.adapter_state().keys() == tensors.keys()
    options["target_modules"] = names
    with pytest.raises(ValueError, match=r"missing tensors: .*layers\.1\."):
        model.load_adapter(write_adapter(tmp_path / "b", options, tensors))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"use_dora": True}, "use_dora = True is not implemented"),
        ({"use_rslora": "yes"}, "use_rslora must be true or false"),
        ({"rank_pattern": {"q_proj": 2}}, "has shape [4, 32], expected [2, 32]"),
        ({"rank_pattern": {"q_proj": 0}}, "rank_pattern['q_proj'] must be at least 1"),
        ({"alpha_pattern": {"q_proj": -2}}, "alpha_pattern['q_proj'] must be above 0"),
        ({"alpha_pattern": {"(": 2}}, "alpha_pattern: '(' is no regular expression"),
        ({"rank_pattern": [2]}, "rank_pattern must be a mapping"),
        ({"exclude_modules": ["q_proj"]}, "surplus tensors: base_model"),
        ({"layers_pattern": ["h"]}, "layers_pattern = ['h'] is not implemented"),
        ({"bias": "lora_only"}, "bias = 'lora_only' is not implemented"),
        ({"lora_bias": True}, "lora_bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"layers_to_transform": [0]}, "surplus tensors: base_model"),
        ({"layers_to_transform": [7]}, "no module of the model is among"),
        ({"layers_to_transform": ["x"]}, "layers_to_transform must be an int"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights = 'pissa'"),
        ({"an_option_of_tomorrow": 1}, "an_option_of_tomorrow"),
        ({"peft_type": "IA3"}, "peft_type must be 'LORA', got 'IA3'"),
        ({"peft_type": None}, "peft_type must be 'LORA'"),
        ({"target_modules": ".*q_proj"}, "surplus tensors: base_model"),
        ({"target_modules": "(q_proj"}, "is no regular expression"),
        ({"target_modules": ".*x_proj"}, "no module of the model is among '.*x_proj'"),
        ({"target_modules": None}, "target_modules is missing"),
        ({"target_modules": ["q_projj"]}, "Did you mean 'q_proj'?"),
        ({"target_modules": ["layers.x.self_attn.q_proj"]}, "layers.x.self_attn"),
        ({"r": 0}, "r must be at least 1"),
        ({"r": 33}, "r must be at most 32"),
        ({"lora_alpha": "x"}, "lora_alpha must be a number"),
        ({"r": 2}, "has shape [4, 32], expected [2, 32]"),
        ({"target_modules": ["q_proj"]}, "surplus tensors: base_model"),
        ({"target_modules": ["q_proj", "v_proj", "k_proj"]}, "missing tensors: base"),
    ],
)
def test_what_is_not_implemented_or_does_not_fit_is_refused_and_nothing_changes(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    model = adapted_model()
    config, expected = model.adapter, model.logits(IDS)
    directory = write_adapter(tmp_path / "a", OPTIONS | changes, random_tensors())
    with pytest.raises(ValueError, match=str(directory)) as caught:
        model.load_adapter(directory)
    assert words in str(caught.value)
    assert model.adapter == config
    np.testing.assert_array_equal(model.logits(IDS), expected)


def test_all_options_that_are_not_implemented_come_in_one_error(tmp_path: Path) -> None:
    options = OPTIONS | {"use_dora": True, "lora_bias": True, "bias": "all"}
    directory = write_adapter(tmp_path / "a", options, random_tensors())
    model = vs.CausalLM.from_config(vs.tiny_config())
    with pytest.raises(ValueError, match=r"use_dora.*lora_bias|bias") as caught:
        model.load_adapter(directory)
    assert all(n in str(caught.value) for n in ("use_dora", "lora_bias", "bias"))


def test_an_adapter_with_nan_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    tensors = random_tensors()
    name = "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight"
    tensors[name][0, 0] = np.nan
    model = adapted_model()
    expected = model.logits(IDS)
    with pytest.raises(ValueError, match="v_proj.lora_B.weight holds NaN"):
        model.load_adapter(write_adapter(tmp_path / "a", OPTIONS, tensors))
    np.testing.assert_array_equal(model.logits(IDS), expected)


def test_missing_files_are_named(tmp_path: Path) -> None:
    model = vs.CausalLM.from_config(vs.tiny_config())
    with pytest.raises(FileNotFoundError, match=r"adapter_config\.json"):
        model.load_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text(json.dumps(OPTIONS))
    with pytest.raises(FileNotFoundError, match=r"adapter_model\.safetensors"):
        model.load_adapter(tmp_path)
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"adapter_model\.bin: truncated or corrupt"):
        model.load_adapter(tmp_path)


def test_an_adapter_in_pytorchs_format_is_read(tmp_path: Path) -> None:
    tensors = random_tensors()
    directory = write_adapter(tmp_path / "a", OPTIONS, tensors)
    (directory / "adapter_model.safetensors").unlink()
    torch_archives.write(directory / "adapter_model.bin", tensors)
    model = vs.CausalLM.from_config(vs.tiny_config())
    model.load_adapter(directory)
    for name, values in model.adapter_state().items():
        np.testing.assert_array_equal(values, tensors[name])


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_cut_files_are_value_errors_that_name_them(
    tmp_path: Path, name: str, share: float
) -> None:
    directory = write_adapter(tmp_path / "a", OPTIONS, random_tensors())
    content = (directory / name).read_bytes()
    (directory / name).write_bytes(content[: int(share * len(content))])
    model = vs.CausalLM.from_config(vs.tiny_config())
    with pytest.raises(ValueError, match=name):
        model.load_adapter(directory)


def test_a_full_disk_leaves_the_old_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = adapted_model()
    model.save_adapter(tmp_path / "a")
    before = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vaccine_swift.checkpoints.peft.write_tensors", full)
    with pytest.raises(OSError, match="No space left on device"):
        model.save_adapter(tmp_path / "a")
    after = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert after == before
