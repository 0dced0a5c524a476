"""Booster: what its gradient is made of, and that the weights come back."""

from __future__ import annotations

import numpy as np
import pytest
from training_support import adapter_bytes, examples, tiny_model, trainer

import vaccine_swift as vs
from vaccine_swift.methods import Booster

BATCH = vs.Batch.pack(examples(3))
HARMFUL = {"harmful": vs.Batch.pack(examples(4, seed=8))}


def flat(model: vs.CausalLM) -> np.ndarray:
    return model.engine.gradient.numpy().astype(np.float64)


def test_it_is_the_sum_of_its_three_gradients() -> None:
    model, method = tiny_model(), Booster(strength=3.0, alpha=0.2)
    weights = model.engine.adapter
    start = weights.numpy()
    parts = []
    for batch, move in (
        (BATCH, 0.0),
        (HARMFUL["harmful"], 0.0),
        (HARMFUL["harmful"], 1.0),
    ):
        if move:
            weights.write(start - 0.2 * parts[1] / (np.linalg.norm(parts[1]) + 1e-7))
        model.zero_gradients()
        model.forward_backward(batch, vs.SFT())
        parts.append(flat(model))
    weights.write(start)
    expected = parts[0] + 3.0 * (parts[1] - parts[2])
    model.zero_gradients()
    before = adapter_bytes(model)
    report = model.forward_backward(BATCH, method, streams=HARMFUL)
    assert np.linalg.norm(flat(model) - expected) <= 1e-4 * np.linalg.norm(expected)
    assert report.gradient_norm == pytest.approx(np.linalg.norm(flat(model)), rel=1e-6)
    assert adapter_bytes(model) == before


@pytest.mark.parametrize("settings", [{"strength": 0.0}, {"alpha": 0.0}])
def test_without_strength_or_length_it_is_sft(settings) -> None:
    model = tiny_model()
    model.forward_backward(BATCH, vs.SFT(), weight=0.25)
    expected = flat(model)
    model.zero_gradients()
    model.forward_backward(BATCH, Booster(**settings), weight=0.25, streams=HARMFUL)
    np.testing.assert_allclose(flat(model), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("weight", [0.25, -2.0, 0.0])
def test_the_gradient_is_linear_in_the_weight_and_adds_up(weight) -> None:
    model, method = tiny_model(), Booster(alpha=0.3)
    model.forward_backward(BATCH, method, streams=HARMFUL)
    once = flat(model)
    model.forward_backward(BATCH, method, weight=weight, streams=HARMFUL)
    error = np.linalg.norm(flat(model) - (1 + weight) * once)
    assert error <= 1e-4 * np.linalg.norm(once)


def test_an_error_between_the_passes_leaves_the_weights() -> None:
    model = tiny_model()
    before = adapter_bytes(model)
    engine, calls = model.engine, []
    step = vs.Step(engine, BATCH, streams={"harmful": lambda: HARMFUL["harmful"]})
    forward = engine.forward_backward

    def failing(*args, **options):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return forward(*args, **options)

    engine.forward_backward = failing
    with pytest.raises(KeyboardInterrupt):
        Booster().gradient(step)
    assert adapter_bytes(model) == before


def test_a_run_resumes_to_the_bit(tmp_path) -> None:
    def run(folder: str) -> vs.Trainer:
        return trainer(
            tmp_path / folder,
            model=tiny_model(dropout=0.1),
            data=examples(7),
            method=Booster(rho=1.0),
            streams={"harmful": examples(5, seed=8)},
            max_steps=4,
            save_strategy="steps",
            save_steps=2,
        )

    whole, again = run("whole"), run("again")
    whole.train()
    again.train(tmp_path / "whole" / "checkpoint-2")
    assert adapter_bytes(again.model) == adapter_bytes(whole.model)
