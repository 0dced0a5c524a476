"""The engine against live PyTorch on random shapes.

PyTorch computes in float64. Models are larger than the golden ones and sequences reach
300 tokens; bounds are the project's promise: 1e-4 relative for each gradient, 1e-3 for
trained weights.
"""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import golden
import numpy as np
import pytest
from random_cases import RandomCase, packed, random_case

import vaccine_swift as vs

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

GRADIENTS = 1e-4
TRAINED_WEIGHTS = 1e-3
# Logits are of order 1 to 10: 1e-4 is 100 to 1000 units in the last place after 4
# layers.
LOGITS = 1e-4


@pytest.fixture(params=range(8))
def case(request: pytest.FixtureRequest, oracle: SimpleNamespace) -> RandomCase:
    """Eight random models."""
    return random_case(oracle, request.param)


@pytest.mark.parametrize("draw", ["sequences", "answers"])
@pytest.mark.parametrize("kind", ["vaccine", "sft"])
def test_step_on_random_shapes(
    oracle: SimpleNamespace, case: RandomCase, kind: str, draw: str
) -> None:
    sequences = getattr(case, draw)(count=5, longest=300)
    rho = case.rho if kind == "vaccine" else 0.0
    expected = oracle.step.step(case.torch_model, sequences, rho=rho)
    method = vs.Vaccine(rho=rho) if rho else vs.SFT()
    report = case.model.forward_backward(packed(sequences), method=method)
    assert report.loss == pytest.approx(expected.loss, rel=1e-5)
    assert report.clean_loss == pytest.approx(expected.clean_loss, rel=1e-5)
    golden.assert_states_agree(case.model.gradients(), expected.gradients, GRADIENTS)
    if rho:
        assert report.attention_gradient_norm == pytest.approx(
            expected.attention_gradient_norm, rel=GRADIENTS
        )
        actual = case.model.perturbations()
        for layer, shift in enumerate(expected.perturbations):
            assert golden.relative_error(actual[layer], shift) <= GRADIENTS, layer


def test_logits_and_attention_outputs_on_random_shapes(
    oracle: SimpleNamespace, case: RandomCase
) -> None:
    sequences = case.sequences(count=3, longest=257)
    expected = oracle.step.step(case.torch_model, sequences)
    logits = [case.model.logits(ids) for ids, _ in sequences]
    outputs = [case.model.attention_outputs(ids) for ids, _ in sequences]
    np.testing.assert_allclose(
        np.concatenate(logits), expected.logits, rtol=0, atol=LOGITS
    )
    np.testing.assert_allclose(
        np.concatenate(outputs, axis=1), expected.attention_outputs, rtol=0, atol=LOGITS
    )


@pytest.mark.parametrize("rho", [0.0, 2.0])
def test_accumulation_is_the_weighted_sum_of_micro_batches(
    oracle: SimpleNamespace, case: RandomCase, rho: float
) -> None:
    parts = [
        case.sequences(count, longest) for count, longest in ((1, 40), (4, 9), (2, 77))
    ]
    weights = [0.5, 0.2, 0.3]
    oracle.training.accumulate(
        case.torch_model, list(zip(parts, weights, strict=True)), rho=rho
    )
    expected = {
        name: parameter.grad.numpy()
        for name, parameter in oracle.step.adapter_parameters(case.torch_model).items()
    }
    method = vs.Vaccine(rho=rho) if rho else vs.SFT()
    for part, weight in zip(parts, weights, strict=True):
        case.model.forward_backward(packed(part), method=method, weight=weight)
    golden.assert_states_agree(case.model.gradients(), expected, GRADIENTS)


def test_sft_accumulation_equals_one_large_batch(
    oracle: SimpleNamespace, case: RandomCase
) -> None:
    parts = [case.sequences(2, 30), case.sequences(3, 50)]
    whole = oracle.step.step(case.torch_model, parts[0] + parts[1])
    batches = [packed(part) for part in parts]
    total = sum(batch.supervised for batch in batches)
    for batch in batches:
        case.model.forward_backward(batch, vs.SFT(), weight=batch.supervised / total)
    golden.assert_states_agree(case.model.gradients(), whole.gradients, GRADIENTS)


@pytest.mark.parametrize("seed", [20, 21, 22])
@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant_with_warmup"])
def test_trainer_follows_torch_for_twenty_steps(
    oracle: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    seed: int,
    schedule: str,
) -> None:
    case = random_case(oracle, seed)
    examples = [vs.Example(*pair) for pair in case.sequences(14, 24)]
    original = vs.CausalLM.forward_backward
    taken: list[tuple[vs.Batch, float]] = []

    def recorded(self: vs.CausalLM, batch: vs.Batch, *args, **kwargs) -> vs.StepReport:
        taken.append((batch, kwargs["weight"]))
        return original(self, batch, *args, **kwargs)

    monkeypatch.setattr(vs.CausalLM, "forward_backward", recorded)
    settings = oracle.training.TrainingSettings(
        learning_rate=3e-3, lr_scheduler_type=schedule, warmup_steps=3
    )
    arguments = vs.TrainingArguments(
        str(tmp_path),
        max_steps=settings.max_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=schedule,
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        logging_steps=1,
        save_strategy="no",
        disable_tqdm=True,
    )
    trainer = vs.Trainer(
        case.model, arguments, train_dataset=examples, method=vs.Vaccine(rho=case.rho)
    )
    trainer.train()
    plan = _steps(taken, settings.max_steps)
    trained = copy.deepcopy(case.torch_model)
    run = oracle.training.train(trained, plan, settings, rho=case.rho)
    golden.assert_states_agree(
        case.model.adapter_state(), oracle.step.adapter_state(trained), TRAINED_WEIGHTS
    )
    logs = [entry for entry in trainer.state.log_history if "grad_norm" in entry]
    for key, expected in (
        ("loss", run.losses),
        ("grad_norm", run.gradient_norms),
        ("learning_rate", run.learning_rates),
    ):
        actual = [entry[key] for entry in logs]
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-12, err_msg=key)


def _steps(taken: list[tuple[vs.Batch, float]], count: int) -> list:
    """Group recorded micro-batches by optimiser step: weights of a step add up to 1."""
    steps, current = [], []
    for batch, weight in taken:
        cuts = batch.offsets[1:-1]
        pairs = zip(
            np.split(batch.input_ids, cuts), np.split(batch.labels, cuts), strict=True
        )
        current.append((list(pairs), weight))
        if sum(part[1] for part in current) > 1 - 1e-9:
            steps.append(current)
            current = []
    assert len(steps) == count
    assert not current
    return steps
