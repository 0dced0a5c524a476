"""OPT beyond its golden files: checkpoints without their prefix, targets, contexts."""

from __future__ import annotations

import json
from pathlib import Path

import golden
import numpy as np
import pytest
import torch_archives
from safetensors.numpy import save_file
from small_models import assert_continues_greedily

import vaccine_swift as vs

IDS = [3, 1, 4, 1, 5, 9, 2, 6]


@pytest.fixture(params=["opt_norm_first", "opt_norm_last_projected"])
def case(request: pytest.FixtureRequest) -> golden.GoldenCase:
    return golden.load(request.param)


def directory(path: Path, config: dict[str, object]) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config))
    return path


def test_a_checkpoint_of_the_base_model_has_other_names(
    case: golden.GoldenCase, tmp_path: Path
) -> None:
    weights = case.group("weight")
    save_file(weights, directory(tmp_path / "a", case.config) / "model.safetensors")
    bare = {name.removeprefix("model."): values for name, values in weights.items()}
    path = directory(tmp_path / "b", case.config) / "pytorch_model.bin"
    torch_archives.write(path, bare)
    expected = vs.CausalLM.from_pretrained(tmp_path / "a").logits(IDS)
    found = vs.CausalLM.from_pretrained(tmp_path / "b").logits(IDS)
    np.testing.assert_array_equal(found, expected)
    del bare["decoder.embed_positions.weight"]
    torch_archives.write(path, bare)
    with pytest.raises(ValueError, match=r"missing tensors: model\.decoder\.embed"):
        vs.CausalLM.from_pretrained(tmp_path / "b")


def test_the_authors_targets_are_q_k_and_v_and_others_are_asked_for() -> None:
    case = golden.load("opt_norm_first")
    for config, kinds in (
        (vs.LoRAConfig(r=2), {"q_proj", "k_proj", "v_proj"}),
        (
            vs.LoRAConfig(r=2, target_modules=["out_proj", "fc2", "fc1"]),
            {"out_proj", "fc1", "fc2"},
        ),
        (
            vs.LoRAConfig(r=2, target_modules="all-linear"),
            {"q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"},
        ),
    ):
        model = vs.CausalLM.from_config(case.config)
        model.add_adapter(config)
        found = {name.split(".")[-3] for name in model.adapter_state()}
        assert found == kinds
    model.remove_adapter()
    with pytest.raises(ValueError, match="no module 'o_proj'; it has q_proj, k_proj"):
        model.add_adapter(vs.LoRAConfig(target_modules=["q_proj", "o_proj"]))


def test_all_of_a_layer_is_saved_under_its_names(tmp_path: Path) -> None:
    model = vs.CausalLM.from_config(golden.load("opt_norm_first").config)
    model.add_adapter(vs.LoRAConfig(r=2, target_modules="all-linear"))
    model.save_adapter(tmp_path)
    options = json.loads((tmp_path / "adapter_config.json").read_text())
    assert set(options["target_modules"]) == {
        *("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
    }
    names = set(model.adapter_state())
    model.load_adapter(tmp_path)
    assert set(model.adapter_state()) == names


def test_the_context_ends_where_the_learned_positions_end(
    case: golden.GoldenCase,
) -> None:
    model = vs.CausalLM.from_config(case.config)
    assert model.logits([5] * 64).shape == (64, 61)
    with pytest.raises(ValueError, match="context_length = 64"):
        model.logits([5] * 65)
    with pytest.raises(ValueError, match="context of 64"):
        model.generate_ids([[5] * 60], 5)


def test_a_batch_in_any_order_and_cached_generation_agree(
    case: golden.GoldenCase,
) -> None:
    assert_continues_greedily(case.model(), [IDS, [7], [9, 9, 9]])


def test_a_trainer_takes_it_whether_it_has_a_final_norm_or_not(
    case: golden.GoldenCase, tmp_path: Path
) -> None:
    arguments = vs.TrainingArguments(str(tmp_path), max_steps=2, disable_tqdm=True)
    trainer = vs.Trainer(case.model(), arguments, train_dataset=case.examples()[:2])
    assert trainer.train().global_step == 2
