"""The engine against PyTorch's numbers in `Tests/Golden`.

The files hold float64 results of transformers and PEFT. Bounds are for float32
arithmetic: PyTorch in float32 meets the same numbers within 5e-6 (logits), 2e-6
(attention outputs), 1e-6 (loss), and relative L2 errors of 1e-6 (attention gradients,
perturbations), 3e-6 (LoRA gradients) and 4e-6 (weights after 20 steps). Each bound
below is about six times that for another order of sums, and the weights' bound thirty
times, since steps feed on each other.
"""

from __future__ import annotations

import hashlib
import json

import golden
import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift import _core

LOGITS = 3e-5
ATTENTION_OUTPUTS = 1.5e-5
LOSS = 1e-5
ATTENTION_GRADIENTS = 1e-5
LORA_GRADIENTS = 2e-5
TRAINED_WEIGHTS = 1e-4
TRAINING_LOSSES = 1e-4

METHODS = pytest.mark.parametrize("kind", ["vaccine", "sft"])


@pytest.fixture(params=golden.NAMES)
def case(request: pytest.FixtureRequest) -> golden.GoldenCase:
    """Each golden file in turn."""
    return golden.load(request.param)


def _method(case: golden.GoldenCase, kind: str) -> vs.Vaccine | vs.SFT:
    return vs.Vaccine(rho=case.rho) if kind == "vaccine" else vs.SFT()


def test_manifest_names_every_file_with_its_hash_and_all_are_small() -> None:
    manifest = json.loads((golden.FOLDER / "manifest.json").read_text())
    files = {path.name: path for path in golden.FOLDER.glob("*.safetensors")}
    assert manifest.keys() == files.keys()
    assert {name.removesuffix(".safetensors") for name in files} == set(golden.NAMES)
    for name, path in files.items():
        content = path.read_bytes()
        assert manifest[name]["sha256"] == hashlib.sha256(content).hexdigest(), name
        assert manifest[name]["bytes"] == len(content), name
    assert sum(path.stat().st_size for path in golden.FOLDER.iterdir()) < 3_000_000


def test_versions_of_the_oracle_are_recorded(case: golden.GoldenCase) -> None:
    assert {"torch", "transformers", "peft"} <= case.versions.keys()


def test_model_has_exactly_the_reference_tensors(case: golden.GoldenCase) -> None:
    model = case.model()
    for kind, prefix in (("weight", "weight"), ("adapter", "adapter")):
        shapes = dict(model._model.tensors(kind))
        expected = {n: v.shape for n, v in case.group(prefix).items()}
        assert {n: tuple(s) for n, s in shapes.items()} == expected


def test_logits_of_each_sequence(case: golden.GoldenCase) -> None:
    model = case.model()
    actual = [model.logits(example.input_ids) for example in case.examples()]
    np.testing.assert_allclose(
        np.concatenate(actual), case.expected("logits"), rtol=0, atol=LOGITS
    )


def test_attention_outputs_of_each_sequence(case: golden.GoldenCase) -> None:
    model = case.model()
    actual = [model.attention_outputs(e.input_ids) for e in case.examples()]
    np.testing.assert_allclose(
        np.concatenate(actual, axis=1),
        case.expected("attention_outputs"),
        rtol=0,
        atol=ATTENTION_OUTPUTS,
    )


def test_evaluation_loss_is_the_clean_loss(case: golden.GoldenCase) -> None:
    batch = case.batch()
    loss, supervised = case.model().loss(batch)
    assert loss == pytest.approx(float(case.expected("clean_loss")), abs=LOSS)
    assert supervised == batch.supervised == np.sum(_predicted(case))


def test_vaccine_losses(case: golden.GoldenCase) -> None:
    report = case.model().forward_backward(
        case.batch(), method=vs.Vaccine(rho=case.rho)
    )
    assert report.clean_loss == pytest.approx(
        float(case.expected("clean_loss")), abs=LOSS
    )
    assert report.loss == pytest.approx(float(case.expected("loss")), abs=LOSS)
    assert report.tokens == case.batch().tokens


def test_sft_loss_is_the_clean_loss(case: golden.GoldenCase) -> None:
    report = case.model().forward_backward(case.batch(), method=vs.SFT())
    assert report.loss == pytest.approx(float(case.expected("clean_loss")), abs=LOSS)
    assert report.clean_loss == report.loss


def test_attention_gradients_of_every_layer(case: golden.GoldenCase) -> None:
    # g_l = ε_l · (norm + 1e-7) / ρ, with the norm that the step reports.
    model = case.model()
    report = model.forward_backward(case.batch(), method=vs.Vaccine(rho=case.rho))
    norm = report.attention_gradient_norm
    assert norm == pytest.approx(
        float(case.expected("attention_gradient_norm")), rel=ATTENTION_GRADIENTS
    )
    gradients = np.asarray(model.perturbations(), np.float64) * (norm + 1e-7) / case.rho
    for layer, expected in enumerate(case.expected("attention_gradients")):
        error = golden.relative_error(gradients[layer], expected)
        assert error <= ATTENTION_GRADIENTS, layer


def test_perturbations_of_every_layer(case: golden.GoldenCase) -> None:
    model = case.model()
    report = model.forward_backward(case.batch(), method=vs.Vaccine(rho=case.rho))
    actual = model.perturbations()
    assert actual.shape == case.expected("perturbations").shape
    for layer, expected in enumerate(case.expected("perturbations")):
        error = golden.relative_error(actual[layer], expected)
        assert error <= ATTENTION_GRADIENTS, layer
    np.testing.assert_allclose(
        report.perturbation_norms,
        case.expected("perturbation_norms"),
        rtol=ATTENTION_GRADIENTS,
    )


@METHODS
def test_every_lora_gradient(case: golden.GoldenCase, kind: str) -> None:
    model = case.model()
    report = model.forward_backward(case.batch(), method=_method(case, kind))
    prefix = "" if kind == "vaccine" else "sft_"
    golden.assert_states_agree(
        model.gradients(), case.group(f"{prefix}gradient"), LORA_GRADIENTS
    )
    expected = float(case.expected(f"{prefix}gradient_norm"))
    assert report.gradient_norm == pytest.approx(expected, rel=LORA_GRADIENTS)


@METHODS
def test_twenty_clipped_adamw_steps(case: golden.GoldenCase, kind: str) -> None:
    settings = case.training
    prefix = "" if kind == "vaccine" else "sft_"
    model = case.model()
    batches = [case.batch(), case.batch("second_batch")]
    optimiser = model.engine.adamw(
        beta1=settings["adam_beta1"],
        beta2=settings["adam_beta2"],
        epsilon=settings["adam_epsilon"],
        weight_decay=settings["weight_decay"],
    )
    losses, norms, rates = [], [], []
    for step in range(settings["max_steps"]):
        model.zero_gradients()
        report = model.forward_backward(batches[step % 2], method=_method(case, kind))
        factor = _core.schedule_factor(
            settings["lr_scheduler_type"],
            step,
            settings["warmup_steps"],
            settings["max_steps"],
        )
        rates.append(settings["learning_rate"] * factor)
        norms.append(optimiser.step(model._model, rates[-1], settings["max_grad_norm"]))
        losses.append(report.loss)
    np.testing.assert_allclose(rates, case.expected("learning_rates"), rtol=1e-12)
    np.testing.assert_allclose(
        losses, case.expected(f"{prefix}training_losses"), rtol=TRAINING_LOSSES
    )
    np.testing.assert_allclose(
        norms, case.expected(f"{prefix}training_gradient_norms"), rtol=TRAINED_WEIGHTS
    )
    golden.assert_states_agree(
        model.adapter_state(), case.group(f"{prefix}trained"), TRAINED_WEIGHTS
    )


def test_sequences_without_supervision_change_nothing(case: golden.GoldenCase) -> None:
    examples = case.examples("second_batch")
    supervised = [example for example in examples if example.supervised]
    assert len(supervised) < len(examples)
    states = []
    for chosen in (examples, supervised):
        model = case.model()
        model.forward_backward(vs.Batch.pack(chosen), method=vs.Vaccine(rho=case.rho))
        states.append(model.gradients())
    golden.assert_states_agree(states[0], states[1], LORA_GRADIENTS)


def _predicted(case: golden.GoldenCase) -> np.ndarray:
    return np.concatenate([example.labels[1:] != -100 for example in case.examples()])
