"""Every family against live PyTorch: steps, training, generation, files, adapters.

Shapes are random, sequences longer than any window. PyTorch computes in float64 where
gradients are compared; bounds are the project's promise.
"""

from __future__ import annotations

import copy
import functools
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import golden
import numpy as np
import pytest
from random_cases import FAMILIES, RandomCase, packed, random_case
from rounding import assert_error, largest_error, worst_error

import vaccine_swift as vs
from vaccine_swift import _core

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

GRADIENTS = 1e-4
TRAINED_WEIGHTS = 1e-3
OTHERS = [name for name in FAMILIES if name != "llama"]
# Logits of a few layers in float32.
CLOSE = 5e-6


@pytest.fixture(params=[(name, seed) for name in OTHERS for seed in range(6)], ids=str)
def case(request: pytest.FixtureRequest, oracle: SimpleNamespace) -> RandomCase:
    """Six random models of each family."""
    family, seed = request.param
    return random_case(oracle, seed, family)


@pytest.mark.parametrize("draw", ["sequences", "answers"])
@pytest.mark.parametrize("rho", [2.0, 0.0])
def test_steps_on_random_shapes(
    oracle: SimpleNamespace, case: RandomCase, rho: float, draw: str
) -> None:
    sequences = getattr(case, draw)(count=4, longest=150)
    exact = oracle.step.step(case.torch_model, sequences, rho=rho)

    @functools.cache
    def singles() -> list[Any]:
        return [oracle.step.step(model, sequences, rho=rho) for model in case.singles]

    method = vs.Vaccine(rho=rho) if rho else vs.SFT()
    report = case.model.forward_backward(packed(sequences), method=method)
    assert report.loss == pytest.approx(exact.loss, rel=1e-5)
    assert report.clean_loss == pytest.approx(exact.clean_loss, rel=1e-5)
    found = case.model.gradients()
    error = worst_error(found, exact.gradients)
    if error > GRADIENTS:
        beyond = oracle.kinks.step_beyond_kinks(case.torch_model, sequences, rho=rho)
        if beyond is not None:
            error = min(error, worst_error(found, beyond.gradients))
    assert_error(
        error,
        lambda: max(worst_error(one.gradients, exact.gradients) for one in singles()),
        GRADIENTS,
        "gradients",
    )
    if rho:
        assert_error(
            abs(report.attention_gradient_norm / exact.attention_gradient_norm - 1),
            lambda: max(
                abs(one.attention_gradient_norm / exact.attention_gradient_norm - 1)
                for one in singles()
            ),
            GRADIENTS,
            "attention_gradient_norm",
        )
        actual = case.model.perturbations()
        for layer, shift in enumerate(exact.perturbations):
            assert_error(
                golden.relative_error(actual[layer], shift),
                lambda layer=layer, shift=shift: max(
                    golden.relative_error(one.perturbations[layer], shift)
                    for one in singles()
                ),
                GRADIENTS,
                f"perturbation of layer {layer}",
            )
    logits = [case.model.logits(ids) for ids, _ in sequences]
    outputs = [case.model.attention_outputs(ids) for ids, _ in sequences]
    for name, found in (
        ("logits", np.concatenate(logits)),
        ("attention_outputs", np.concatenate(outputs, axis=1)),
    ):
        theirs = getattr(exact, name)
        assert_error(
            largest_error(found, theirs),
            lambda name=name, theirs=theirs: max(
                largest_error(getattr(one, name), theirs) for one in singles()
            ),
            GRADIENTS,
            name,
        )


@pytest.mark.parametrize("family", OTHERS)
@pytest.mark.parametrize("seed", [20, 21])
def test_twenty_clipped_adamw_steps(
    oracle: SimpleNamespace, family: str, seed: int
) -> None:
    case = random_case(oracle, seed, family)
    batches = [case.sequences(3, 24) for _ in range(20)]
    settings = oracle.training.TrainingSettings(learning_rate=3e-3)
    plan = [[(batch, 1.0)] for batch in batches]

    def trained(model: Any) -> tuple[Any, dict[str, np.ndarray]]:
        model = copy.deepcopy(model)
        run = oracle.training.train(model, plan, settings, rho=case.rho)
        return run, oracle.step.adapter_state(model)

    run, exact = trained(case.torch_model)
    optimiser = _core.AdamW(case.model._model, 0.9, 0.999, 1e-8, settings.weight_decay)
    for step, batch in enumerate(batches):
        case.model.zero_gradients()
        report = case.model.forward_backward(packed(batch), vs.Vaccine(rho=case.rho))
        assert report.loss == pytest.approx(run.losses[step], rel=1e-3)
        optimiser.step(
            case.model._model, run.learning_rates[step], settings.max_grad_norm
        )
    assert_error(
        worst_error(case.model.adapter_state(), exact),
        lambda: max(worst_error(trained(one)[1], exact) for one in case.singles),
        TRAINED_WEIGHTS,
        "trained weights",
    )


def of_transformers(
    oracle: SimpleNamespace, family: str, seed: int
) -> tuple[Any, dict[str, Any], tuple[str, ...]]:
    """A float32 model of transformers whose biases and norms are not trivial."""
    from transformers import AutoConfig, AutoModelForCausalLM

    generator = np.random.default_rng(seed)
    config, targets = FAMILIES[family](oracle, generator, seed)
    oracle.torch.manual_seed(seed)
    kinds = {key: value for key, value in config.items() if key != "model_type"}
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(config["model_type"], **kinds)
    ).float()
    with oracle.torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(oracle.torch.randn_like(parameter) * 0.1)
    return model.eval(), config, targets


def logits_of(oracle: SimpleNamespace, model: Any, ids: np.ndarray) -> np.ndarray:
    with oracle.torch.no_grad():
        return model(oracle.torch.tensor(ids[None].astype(np.int64))).logits[0].numpy()


def assert_close(found: np.ndarray, expected: np.ndarray, bound: float = CLOSE) -> None:
    assert largest_error(found, expected) <= bound


def assert_logits(
    oracle: SimpleNamespace, found: np.ndarray, model: Any, ids: np.ndarray
) -> None:
    """The engine's logits are as exact as those of a model of transformers."""
    exact = logits_of(oracle, oracle.step.as_float64(copy.deepcopy(model)), ids)
    assert_error(
        largest_error(found, exact),
        lambda: largest_error(logits_of(oracle, model, ids), exact),
        CLOSE,
        "logits",
    )


@pytest.fixture(params=[(name, seed) for name in FAMILIES for seed in (3, 4)], ids=str)
def theirs(
    request: pytest.FixtureRequest, oracle: SimpleNamespace
) -> tuple[Any, np.ndarray, tuple[str, ...]]:
    """A model of transformers, a sequence for it, and its targets."""
    family, seed = request.param
    model, config, targets = of_transformers(oracle, family, seed)
    ids = np.random.default_rng(seed).integers(3, config["vocab_size"], 60)
    return model, ids, targets


def test_files_of_transformers_give_its_logits_and_are_read_back(
    oracle: SimpleNamespace, theirs: Any, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    model, ids, _ = theirs
    model.save_pretrained(tmp_path / "theirs", max_shard_size="20KB")
    ours = vs.CausalLM.from_pretrained(tmp_path / "theirs")
    expected = logits_of(oracle, model, ids)
    assert_logits(oracle, ours.logits(ids), model, ids)
    ours.save_pretrained(tmp_path / "ours")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "ours").eval()
    assert_close(logits_of(oracle, again, ids), expected, 1e-6)
    model.base_model.save_pretrained(tmp_path / "base")
    config = vs.CausalLM.from_pretrained(tmp_path / "theirs").config
    if config.get("tie_word_embeddings"):
        shutil.copy(tmp_path / "theirs/config.json", tmp_path / "base/config.json")
        base = vs.CausalLM.from_pretrained(tmp_path / "base")
        assert_close(base.logits(ids), ours.logits(ids), 0)


def test_generation_is_token_for_token_that_of_transformers(
    oracle: SimpleNamespace, theirs: Any, tmp_path: Path
) -> None:
    model, ids, _ = theirs
    model.save_pretrained(tmp_path)
    ours = vs.CausalLM.from_pretrained(tmp_path)
    prompts = [ids[:17], ids[17:18], ids[20:60]]
    found = ours.generate_ids(prompts, 24, end_tokens=[])
    for prompt, tokens in zip(prompts, found, strict=True):
        inputs = oracle.torch.tensor(prompt[None].astype(np.int64))
        with oracle.torch.no_grad():
            expected = model.generate(
                inputs,
                attention_mask=oracle.torch.ones_like(inputs),
                max_new_tokens=24,
                do_sample=False,
                eos_token_id=None,
                pad_token_id=0,
            )
        assert tokens == expected[0, len(prompt) :].tolist()


@pytest.mark.parametrize("chosen", ["default", "all"])
def test_adapters_go_both_ways_with_equal_logits(
    oracle: SimpleNamespace, theirs: Any, tmp_path: Path, chosen: str
) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM

    model, ids, targets = theirs
    model.save_pretrained(tmp_path / "base")
    ours = vs.CausalLM.from_pretrained(tmp_path / "base")
    plain = ours.logits(ids)
    wanted = {} if chosen == "default" else {"target_modules": list(targets)}
    ours.add_adapter(vs.LoRAConfig(r=3, lora_alpha=6, **wanted))
    generator = np.random.default_rng(1)
    for name, values in ours.adapter_state().items():
        ours._model.write("adapter", name, generator.normal(0, 0.2, values.shape))
    adapted = ours.logits(ids)
    assert np.abs(adapted - plain).max() > 1e-3 * np.abs(plain).max()
    ours.save_adapter(tmp_path / "adapter")
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    read = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    assert_logits(oracle, adapted, read, ids)
    ours.merge_adapter()
    ours.save_pretrained(tmp_path / "merged")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()
    single = logits_of(oracle, read, ids)
    exact = logits_of(oracle, oracle.step.as_float64(read), ids)
    assert_error(
        largest_error(logits_of(oracle, merged, ids), exact),
        lambda: largest_error(single, exact),
        5 * CLOSE,
        "merged",
    )

    settings = LoraConfig(r=3, lora_alpha=6, target_modules=list(targets))
    peft_model = get_peft_model(model, settings)
    with oracle.torch.no_grad():
        for name, parameter in peft_model.named_parameters():
            if "lora_" in name:
                parameter.normal_(0, 0.2)
    peft_model.save_pretrained(tmp_path / "theirs")
    fresh = vs.CausalLM.from_pretrained(tmp_path / "base")
    fresh.load_adapter(tmp_path / "theirs")
    assert_logits(oracle, fresh.logits(ids), peft_model.eval(), ids)


def test_the_language_model_of_a_gemma_3_that_sees_images_is_read(
    oracle: SimpleNamespace, tmp_path: Path
) -> None:
    from transformers import Gemma3Config, Gemma3ForCausalLM
    from transformers import Gemma3ForConditionalGeneration as Whole

    oracle.torch.manual_seed(0)
    text = oracle.models.gemma3_config() | {"vocab_size": 64}
    vision = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1}
    vision |= {"num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    indices = {"image_token_index": 60, "boi_token_index": 61, "eoi_token_index": 62}
    config = Gemma3Config(
        text_config=text, vision_config=vision, mm_tokens_per_image=1, **indices
    )
    model = Whole(config).float().eval()
    ids = np.random.default_rng(0).integers(3, 59, 30)
    model.save_pretrained(tmp_path / "whole")
    ours = vs.CausalLM.from_pretrained(tmp_path / "whole")
    expected = logits_of(oracle, model, ids)
    assert_close(ours.logits(ids), expected)
    ours.save_pretrained(tmp_path / "text")
    alone = Gemma3ForCausalLM.from_pretrained(tmp_path / "text").eval()
    assert_close(logits_of(oracle, alone, ids), expected)
