"""Double LoRA without merging: a frozen adapter below the one that is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_models
from study_support import tiny_study, write_study_gguf

import vaccine_swift as vs
from vaccine_swift import study
from vaccine_swift.cli.entry import main

IDS = small_models.IDS
NAME = "model.layers.1.self_attn.v_proj.weight"


def numbers_of(blocks: vs.CausalLM) -> vs.CausalLM:
    """A float32 model of the same weights."""
    numbers = vs.CausalLM.from_config(blocks.config, seed=1)
    for name in numbers._shapes("weight"):
        numbers._model.write("weight", name, blocks._read("weight", name))
    return numbers


def fill(model: vs.CausalLM, seed: int) -> vs.CausalLM:
    generator = np.random.default_rng(seed)
    for name, values in model.adapter_state().items():
        model._model.write("adapter", name, generator.normal(0, 0.2, values.shape))
    return model


FIRST = vs.LoRAConfig(r=6, lora_alpha=9, target_modules=["q_proj", "v_proj", "up_proj"])
SECOND = vs.LoRAConfig(r=2, lora_alpha=4, lora_dropout=0.1)


def merged_and_frozen(held: str) -> tuple[vs.CausalLM, vs.CausalLM]:
    """The first adapter merged into float32 weights, and frozen above any."""
    blocks = vs.quantize(small_models.small())
    merged, frozen = numbers_of(blocks), numbers_of(blocks)
    if held == "gguf":
        frozen = blocks
    for model in (merged, frozen):
        model.add_adapter(FIRST)
        fill(model, 1)
    merged.merge_adapter()
    frozen.freeze_adapter()
    assert (frozen.adapter, frozen.frozen_adapters) == (None, (FIRST,))
    return merged, frozen


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


# Gates of models in blocks wait for the backward pass in float16.
HELD = [("float32", 2e-5), ("gguf", 1e-2)]


@pytest.mark.parametrize(("held", "tolerance"), HELD)
def test_a_frozen_adapter_computes_and_trains_as_a_merged_one(
    held: str, tolerance: float
) -> None:
    models = merged_and_frozen(held)
    assert error(models[1].logits(IDS), models[0].logits(IDS)) < 1e-5
    for model in models:
        model.add_adapter(SECOND, seed=5)
        fill(model, 2)
        model.forward_backward(small_models.batch(), method=vs.Vaccine(rho=0.5))
    merged, frozen = models
    assert error(frozen.logits(IDS), merged.logits(IDS)) < 1e-5
    assert error(frozen.perturbations(), merged.perturbations()) < tolerance
    expected = merged.gradients()
    assert expected.keys() == frozen.gradients().keys()
    for name, values in frozen.gradients().items():
        assert error(values, expected[name]) < tolerance, name


@pytest.mark.parametrize(("held", "tolerance"), HELD)
def test_training_goes_the_way_of_a_merged_adapter(
    held: str, tolerance: float, tmp_path: Path
) -> None:
    losses, states = [], []
    for index, model in enumerate(merged_and_frozen(held)):
        model.add_adapter(SECOND, seed=5)
        arguments = vs.TrainingArguments(
            tmp_path / str(index), max_steps=6, learning_rate=1e-2, logging_steps=1
        )
        rows = [vs.Example(IDS[n:], IDS[n:]) for n in range(4)]
        trainer = vs.Trainer(model, arguments, train_dataset=rows, method=vs.Vaccine(1))
        trainer.train()
        losses.append([e["loss"] for e in trainer.state.log_history if "loss" in e])
        states.append(model.adapter_state())
    np.testing.assert_allclose(losses[1], losses[0], rtol=tolerance)
    for name, values in states[1].items():
        # AdamW divides by the gradient's size, so that its error stays.
        assert error(values, states[0][name]) < 5 * tolerance, name


@pytest.mark.parametrize("held", ["float32", "gguf"])
def test_frozen_adapters_are_merged_with_the_trained_one(held: str) -> None:
    merged, frozen = merged_and_frozen(held)
    for model in (merged, frozen):
        model.add_adapter(SECOND)
        fill(model, 2)
    before = frozen.logits(IDS)
    merged.merge_adapter()
    frozen.merge_adapter()
    assert (frozen.adapter, frozen.frozen_adapters) == (None, ())
    assert frozen.dtype == "float32"
    np.testing.assert_array_equal(
        frozen._read("weight", NAME), merged._read("weight", NAME)
    )
    assert error(frozen.logits(IDS), before) < 1e-5


def test_a_third_adapter_lies_above_two_frozen_ones_of_other_ranks() -> None:
    merged, frozen = merged_and_frozen("gguf")
    for index, model in enumerate((merged, frozen)):
        model.add_adapter(SECOND)
        fill(model, 2)
        (model.merge_adapter, model.freeze_adapter)[index]()
        model.add_adapter(vs.LoRAConfig(r=1, target_modules=["down_proj"]))
        fill(model, 3)
    assert frozen.frozen_adapters == (FIRST, SECOND)
    assert error(frozen.logits(IDS), merged.logits(IDS)) < 1e-5
    first, second = frozen.frozen_states()
    assert first["base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"].shape == (
        6,
        32,
    )
    assert len(second) == 2 * 7 * 2


def test_what_is_frozen_stays_as_it_is() -> None:
    _, model = merged_and_frozen("gguf")
    before = model.frozen_states()
    model.add_adapter(SECOND)
    optimiser = model.engine.adamw(
        beta1=0.9, beta2=0.99, epsilon=1e-8, weight_decay=0.1
    )
    for _ in range(3):
        model.forward_backward(small_models.batch(), method=vs.SFT())
        optimiser.step(model.core, 1e-2, 1.0)
    for old, new in zip(before, model.frozen_states(), strict=True):
        assert old.keys() == new.keys()
        for name, values in old.items():
            np.testing.assert_array_equal(new[name], values)


def test_all_adapters_are_saved_as_one(tmp_path: Path) -> None:
    base = numbers_of(vs.quantize(small_models.small()))
    _, model = merged_and_frozen("gguf")
    model.add_adapter(SECOND)
    fill(model, 2)
    model.save_adapter(tmp_path / "all", frozen=True)
    base.load_adapter(tmp_path / "all")
    assert error(base.logits(IDS), model.logits(IDS)) < 1e-5
    assert (base.adapter.r, base.adapter.scale) == (2, 1)
    assert set(base.adapter.rank_pattern.values()) == {8}
    model.save_adapter(tmp_path / "own")
    _, again = merged_and_frozen("gguf")
    again.load_adapter(tmp_path / "own")
    np.testing.assert_array_equal(again.logits(IDS), model.logits(IDS))


def test_dropping_the_adapters() -> None:
    _, model = merged_and_frozen("gguf")
    with_frozen = model.logits(IDS)
    model.add_adapter(SECOND)
    fill(model, 2)
    model.remove_adapter()
    np.testing.assert_array_equal(model.logits(IDS), with_frozen)
    with pytest.raises(RuntimeError, match="no adapter"):
        model.remove_adapter()
    model.remove_adapter(frozen=True)
    assert model.frozen_adapters == ()
    np.testing.assert_array_equal(
        model.logits(IDS), vs.quantize(small_models.small()).logits(IDS)
    )


def test_what_needs_one_adapter_or_none_is_refused(tmp_path: Path) -> None:
    model = small_models.small()
    with pytest.raises(RuntimeError, match="no adapter"):
        model.freeze_adapter()
    with pytest.raises(RuntimeError, match="no adapter to freeze"):
        model.core.freeze_adapter()
    small_models.with_adapter(model).freeze_adapter()
    assert "1 frozen, no adapter" in repr(model)
    with pytest.raises(RuntimeError, match="merge_adapter"):
        model.save_pretrained(tmp_path / "saved")
    with pytest.raises(RuntimeError, match="merge_adapter"):
        vs.quantize(model)
    with pytest.raises(RuntimeError, match="no adapter"):
        model.save_adapter(tmp_path / "saved")
    with pytest.raises(RuntimeError, match="no adapter"):
        model.forward_backward(small_models.batch(), method=vs.SFT())
    with pytest.raises(ValueError, match="no weight tensor 'x'"):
        model.core.read_merged("x")


def test_a_run_above_another_frozen_adapter_is_not_resumed(tmp_path: Path) -> None:
    def trainer(seed: int) -> vs.Trainer:
        model = vs.quantize(small_models.small())
        model.add_adapter(FIRST)
        fill(model, seed).freeze_adapter()
        model.add_adapter(SECOND)
        arguments = vs.TrainingArguments(tmp_path, max_steps=4, save_steps=2)
        rows = [vs.Example(IDS, IDS)]
        return vs.Trainer(model, arguments, train_dataset=rows, method=vs.SFT())

    trainer(1).train()
    trainer(1).train(resume_from_checkpoint=tmp_path / "checkpoint-2")
    with pytest.raises(ValueError, match=r"frozen adapters \(weights\) was"):
        trainer(2).train(resume_from_checkpoint=tmp_path / "checkpoint-2")


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study_gguf(tmp_path_factory.mktemp("model") / "model.gguf")


def test_a_study_in_blocks_finds_what_one_in_numbers_finds(
    gguf_file: Path, tmp_path: Path
) -> None:
    rows = {
        dtype: study.run(
            tiny_study(gguf_file, dtype=dtype), tmp_path / dtype, progress=False
        ).rows
        for dtype in ("float32", "gguf")
    }
    assert len(rows["gguf"]) == len(rows["float32"]) == 2
    for blocks, numbers in zip(rows["gguf"], rows["float32"], strict=True):
        for part in ("align", "attack"):
            found, expected = (
                np.array(row["losses"][part]) for row in (blocks, numbers)
            )
            np.testing.assert_allclose(found, expected, rtol=1e-3)
        for when in ("before", "after"):
            for name in ("refusal_margin", "perplexity"):
                metrics = (row["metrics"][when][name] for row in (blocks, numbers))
                found, expected = (each["value"] for each in metrics)
                assert found == pytest.approx(expected, rel=1e-2, abs=1e-3), (
                    when,
                    name,
                )


def test_a_study_in_blocks_of_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"dtype 'gguf' is for a \.gguf file"):
        tiny_study(tmp_path, dtype="gguf")
    with pytest.raises(ValueError, match=r"dtype 'gguf' is for a \.gguf file"):
        tiny_study(tmp_path, sweep={"dtype": ("float32", "gguf")})


def test_the_command_line_trains_above_an_adapter_and_generates_with_both(
    gguf_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, merged = (str(tmp_path / name) for name in ("first", "second", "m"))
    model = ["--model", str(gguf_file), "--dtype", "gguf"]
    steps = ["--max-steps", "2", "--learning-rate", "0.05", "--logging-steps", "1"]
    assert main(["align", *model, *steps, "--output-dir", first]) == 0
    again = ["--adapter", first, "--method", "sft", "--output-dir", second]
    assert main(["align", *model, *steps, *again]) == 0
    capsys.readouterr()
    both = ["--adapter", first, "--adapter", second]
    asked = ["--prompt", "Hi", "--max-new-tokens", "8"]
    assert main(["generate", *model, *both, *asked]) == 0
    answer = capsys.readouterr().out
    expected = vs.CausalLM.from_pretrained(gguf_file, dtype="gguf")
    expected.load_adapter(first)
    expected.freeze_adapter()
    expected.load_adapter(second)
    prompt = vs.data.render_prompt("Hi", expected.tokenizer, "chat")
    (text,) = expected.generate([prompt], 8, add_special_tokens=False)
    assert answer.strip() == text.strip()
    whole = ["--model", str(gguf_file), *both, "--output-dir", merged]
    assert main(["merge", *whole]) == 0
    logits = vs.CausalLM.from_pretrained(merged).logits(IDS)
    assert error(logits, expected.logits(IDS)) < 1e-4
