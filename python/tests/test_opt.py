"""OPT beyond its golden files: checkpoints without their prefix, targets, contexts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
import torch_archives
from safetensors.numpy import save_file
from small_models import assert_continues_greedily

import vaccine_swift as vs
from vaccine_swift.families import core_configuration

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


OPT = {
    "model_type": "opt",
    "vocab_size": 60,
    "hidden_size": 24,
    "ffn_dim": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "max_position_embeddings": 64,
}


def test_opts_norms_embedding_and_biases_are_described() -> None:
    fields = core_configuration(OPT)
    assert (fields["norm_placement"], fields["final_norm"]) == ("before", True)
    assert (fields["positions"], fields["position_offset"]) == ("learned", 2)
    assert (fields["feed_forward"], fields["feed_forward_size"]) == ("relu", 40)
    assert fields["query_key_value_bias"]
    assert fields["tied_embeddings"]
    assert "embedding_size" not in fields
    small = core_configuration(
        OPT
        | {
            "word_embed_proj_dim": 16,
            "do_layer_norm_before": False,
            "enable_bias": False,
            "dropout": 0.1,
            "_remove_final_layer_norm": False,
        }
    )
    assert (small["norm_placement"], small["final_norm"]) == ("after", False)
    assert small["embedding_size"] == 16
    assert not small["feed_forward_bias"]
    removed = core_configuration(OPT | {"_remove_final_layer_norm": True})
    assert (removed["norm_placement"], removed["final_norm"]) == ("before", False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"activation_function": "gelu"}, "activation_function must be 'relu'"),
        ({"layer_norm_elementwise_affine": False}, "elementwise_affine = False"),
        ({"word_embed_proj_dim": 0}, "word_embed_proj_dim must be at least 1"),
        ({"hidden_size": 25}, "multiple of num_attention_heads"),
        ({"do_layer_norm_before": "no"}, "do_layer_norm_before must be true or false"),
    ],
)
def test_what_an_opt_asks_for_and_the_engine_lacks_is_refused(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match="config") as caught:
        core_configuration(OPT | changes)
    assert words in str(caught.value)
