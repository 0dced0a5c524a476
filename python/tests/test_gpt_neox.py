"""GPT-NeoX beyond its golden files: fused rows in every file, targets, refusals."""

from __future__ import annotations

import copy
from pathlib import Path

import checkpoint_files as files
import golden
import numpy as np
import pytest
from small_models import assert_continues_greedily

import vaccine_swift as vs
from vaccine_swift.families import core_configuration
from vaccine_swift.methods import TVaccine

FUSED = "gpt_neox.layers.{}.attention.query_key_value.{}"


@pytest.fixture(params=["gpt_neox", "gpt_neox_sequential"])
def case(request: pytest.FixtureRequest) -> golden.GoldenCase:
    return golden.load(request.param)


def test_fused_tensors_are_read_back_in_the_files_order(
    case: golden.GoldenCase,
) -> None:
    model = case.model()
    for name, values in case.group("weight").items():
        np.testing.assert_array_equal(model._model.read("weight", name), values)
    for name, values in case.group("adapter").items():
        np.testing.assert_array_equal(model.adapter_state()[name], values)
    flat = np.asarray(model.engine.adapter.numpy())
    expected = [values.ravel() for values in model.adapter_state().values()]
    np.testing.assert_array_equal(flat, np.concatenate(expected))


def test_rows_of_one_head_are_query_key_and_value(case: golden.GoldenCase) -> None:
    # Without value and bias of the first head of three (or two), its part of the
    # context is zero: the output product may have any numbers in these columns.
    config = case.config
    size = config["hidden_size"] // config["num_attention_heads"]
    weights = {name: values.copy() for name, values in case.group("weight").items()}
    for layer in range(config["num_hidden_layers"]):
        for ending in ("weight", "bias"):
            weights[FUSED.format(layer, ending)][2 * size : 3 * size] = 0
    logits = []
    for scale in (1, 5):
        changed = copy.deepcopy(weights)
        for layer in range(config["num_hidden_layers"]):
            name = f"gpt_neox.layers.{layer}.attention.dense.weight"
            changed[name][:, :size] *= scale
        model = vs.CausalLM.from_config(config)
        golden.write_weights(model, changed)
        logits.append(model.logits(case.tensors["batch/input_ids"][:7]))
    np.testing.assert_array_equal(*logits)


@pytest.mark.parametrize("quantization", ["F32", "Q8_0"])
def test_blocks_of_a_gguf_file_and_of_a_directory_compute_the_same(
    quantization: str, tmp_path: Path
) -> None:
    model = vs.CausalLM.from_config(
        {
            **golden.load("gpt_neox").config,
            "hidden_size": 64,
            "num_attention_heads": 4,
            "intermediate_size": 96,
        },
        seed=1,
    )
    weights = {name: model._read("weight", name) for name in model._shapes("weight")}
    generator = np.random.default_rng(0)
    weights = {
        name: values + generator.normal(0, 0.1, values.shape).astype(np.float32)
        for name, values in weights.items()
    }
    path = files.write_gguf(
        tmp_path / "m.gguf", model.config, weights, quantization=quantization
    )
    ids = np.arange(40) % 61
    numbers = vs.CausalLM.from_pretrained(path, dtype="float32")
    blocks = vs.CausalLM.from_pretrained(path, dtype="gguf")
    assert golden.relative_error(blocks.logits(ids), numbers.logits(ids)) < 1e-5
    for name in weights:
        read = blocks._model.read("weight", name)
        np.testing.assert_array_equal(read, numbers._model.read("weight", name))
        assert np.abs(read - weights[name]).max() < 0.01
    directory = files.write_directory(tmp_path / "hf", model.config, weights)
    quantised = vs.quantize(vs.CausalLM.from_pretrained(directory), "q8_0")
    for layer in (0, 1):
        name = FUSED.format(layer, "weight")
        read = quantised._model.read("weight", name)
        assert np.abs(read - weights[name]).max() < 0.01


def test_lora_goes_to_the_fused_map_by_default(case: golden.GoldenCase) -> None:
    model = vs.CausalLM.from_config(case.config)
    model.add_adapter(vs.LoRAConfig(r=2))
    assert model.adapter is not None
    assert model.adapter.target_modules == ("query_key_value",)
    assert {name.split(".")[-3] for name in model.adapter_state()} == {
        "query_key_value"
    }
    model.remove_adapter()
    model.add_adapter(vs.LoRAConfig(r=2, target_modules="all-linear"))
    assert len(model.adapter_state()) == 2 * 4 * case.config["num_hidden_layers"]


def test_a_batch_in_any_order_and_cached_generation_agree(
    case: golden.GoldenCase,
) -> None:
    assert_continues_greedily(case.model(), [[3, 1, 4, 1, 5, 9, 2, 6], [7], [9, 9, 9]])


def test_a_resumed_training_continues_bit_for_bit(
    case: golden.GoldenCase, tmp_path: Path
) -> None:
    def trained(folder: str, steps: int, *, resume: bool) -> dict[str, np.ndarray]:
        arguments = vs.TrainingArguments(
            str(tmp_path / folder),
            num_train_epochs=4,
            max_steps=steps,
            save_steps=2,
            per_device_train_batch_size=2,
            lr_scheduler_type="constant",
            disable_tqdm=True,
        )
        model = case.model()
        trainer = vs.Trainer(model, arguments, train_dataset=case.examples()[:2])
        trainer.train(resume_from_checkpoint=resume or None)
        return model.adapter_state()

    expected = trained("whole", 4, resume=False)
    trained("parts", 2, resume=False)
    found = trained("parts", 4, resume=True)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_t_vaccine_of_the_authors_freezes_attention_alone() -> None:
    case = golden.load("gpt_neox")
    model, state = case.model(), {}
    model.forward_backward(
        case.batch(),
        TVaccine(layers=1, variant="authors"),
        state=state,
        streams={"harmful": vs.Batch.pack(case.examples()[1:2])},
    )
    drawn = state["layers"].tolist()
    for name, gradient in model.gradients().items():
        trained = int(name.split(".")[4]) in drawn or ".mlp." in name
        assert gradient.any() == trained, name


def test_both_spellings_of_the_turned_part_and_the_base_mean_the_same() -> None:
    old = {**golden.load("gpt_neox").config, "rotary_pct": 0.5, "rotary_emb_base": 500}
    new = dict(old)
    del new["rotary_pct"], new["rotary_emb_base"]
    new["rope_parameters"] = {
        "rope_type": "default",
        "rope_theta": 500.0,
        "partial_rotary_factor": 0.5,
    }
    fields = core_configuration(old)
    assert fields == core_configuration(new)
    assert (fields["rotary_size"], fields["rotary_base"]) == (4, 500.0)


def test_of_a_head_the_whole_part_of_the_share_is_turned() -> None:
    config = golden.load("gpt_neox").config | {"hidden_size": 30}
    assert core_configuration(config)["rotary_size"] == 2
    assert core_configuration(config | {"rotary_pct": 0.3})["rotary_size"] == 3
    assert "rotary_size" not in core_configuration(config | {"rotary_pct": 1.0})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_act": "quick_gelu"}, "hidden_act must be 'gelu', got 'quick_gelu'"),
        ({"hidden_act": ["gelu"]}, "hidden_act must be 'gelu'"),
        ({"rotary_pct": 0.0}, "rotary_pct must be above 0"),
        ({"rotary_pct": 1.5}, "rotary_pct must be"),
        ({"rotary_pct": 0.01}, "rotary_pct = 0.01 of 8 turns nothing"),
        ({"rope_scaling": {"type": "yarn", "factor": 2}}, "got 'yarn'"),
        (
            {"rope_parameters": {"partial_rotary_factor": -1}},
            "rope_parameters: partial_rotary_factor must be above 0",
        ),
        ({"use_parallel_residual": 1}, "use_parallel_residual must be true or false"),
        ({"layer_norm_eps": 0}, "layer_norm_eps must be above 0"),
        ({"num_attention_heads": 5}, "multiple of num_attention_heads 5"),
        ({"num_local_experts": 4}, "num_local_experts = 4 is not implemented"),
    ],
)
def test_what_is_wrong_or_missing_is_refused_by_name(changes, words: str) -> None:
    with pytest.raises(ValueError, match="config") as caught:
        core_configuration(golden.load("gpt_neox").config | changes)
    assert words in str(caught.value)
