"""Losses of one's own: token weights, a reference, and gradients at states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from small_models import batch as small_batch

import vaccine_swift as vs
from vaccine_swift.methods import Reference

# A float32 loss near 5 is right to 5e-7: over 2·STEP to 1e-4. Five points leave O(h⁴).
STEP, BOUND = 0.004, 1e-3


@pytest.fixture
def batch() -> vs.Batch:
    return small_batch()


def slope(
    model: vs.CausalLM, direction: np.ndarray, loss: Callable[[], float]
) -> float:
    weights = model.engine.adapter
    start = weights.numpy().astype(np.float64)
    values = {}
    for multiple in (-2, -1, 1, 2):
        weights.write(start + multiple * STEP * direction)
        values[multiple] = loss()
    weights.write(start)
    return (8 * (values[1] - values[-1]) - (values[2] - values[-2])) / (12 * STEP)


def directions(model: vs.CausalLM, count: int = 4) -> np.ndarray:
    generator = np.random.default_rng(0)
    gradient = model.engine.gradient.numpy().astype(np.float64)
    noise = generator.standard_normal((count, gradient.size))
    mixed = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    mixed += gradient / np.linalg.norm(gradient)
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


def assert_is_slope(model: vs.CausalLM, loss: Callable[[], float]) -> None:
    gradient = model.engine.gradient.numpy().astype(np.float64)
    for direction in directions(model):
        expected = slope(model, direction, loss)
        assert gradient @ direction == pytest.approx(
            expected, abs=BOUND * (1 + abs(expected))
        )


@pytest.mark.parametrize(
    "places",
    [
        [("residual", 1)],
        [("residual", 0)],
        [("mlp", 1)],
        [("attention", 0), ("attention", 1)],
        [("residual", 0), ("mlp", 0), ("attention", 1)],
    ],
)
def test_a_loss_on_states_has_the_gradient_of_its_slope(adapted, batch, places) -> None:
    engine = adapted.engine
    generator = np.random.default_rng(1)
    targets = {place: generator.standard_normal((batch.tokens, 32)) for place in places}

    def difference(place: tuple[str, int]) -> np.ndarray:
        states = engine.hidden_states(batch, place[0], [place[1]])[0]
        return (states.astype(np.float64) - targets[place]) / batch.tokens

    def loss() -> float:
        return sum(
            0.5 * batch.tokens * float((difference(place) ** 2).sum())
            for place in places
        )

    report = engine.backward_from(
        batch, {place: difference(place) for place in places}, loss=loss()
    )
    assert report.loss == loss()
    assert report.gradient_norm == pytest.approx(engine.gradient.norm(), rel=1e-12)
    assert_is_slope(adapted, loss)


def test_the_gradient_of_cross_entropy_at_the_logits_is_that_of_sft(
    adapted, batch
) -> None:
    engine = adapted.engine
    adapted.forward_backward(batch, vs.SFT(), weight=0.5)
    expected = engine.gradient.numpy()
    adapted.zero_gradients()
    probabilities = np.exp(engine.log_probabilities(batch))
    targets = [
        batch.labels[place]
        for start, stop in zip(batch.offsets[:-1], batch.offsets[1:], strict=True)
        for place in range(start + 1, stop)
        if batch.labels[place] != -100
    ]
    probabilities[np.arange(len(targets)), targets] -= 1
    engine.backward_from(batch, logits=probabilities / len(targets), weight=0.5)
    error = np.linalg.norm(engine.gradient.numpy() - expected)
    assert error <= 1e-5 * np.linalg.norm(expected)


def test_log_probabilities_are_those_of_the_logits(adapted, batch) -> None:
    rows = adapted.engine.log_probabilities(batch).astype(np.float64)
    np.testing.assert_allclose(np.exp(rows).sum(axis=1), 1, atol=1e-5)
    logits = adapted.logits(batch.input_ids[: batch.offsets[1]]).astype(np.float64)
    expected = logits[0] - np.log(np.exp(logits[0]).sum())
    np.testing.assert_allclose(rows[0], expected, atol=1e-4)


def test_weights_of_one_change_nothing_and_a_weight_of_zero_leaves_out(
    adapted, batch
) -> None:
    engine = adapted.engine
    plain = adapted.forward_backward(batch, vs.SFT(), stream=0)
    expected = engine.gradient.numpy()
    adapted.zero_gradients()
    ones = np.ones(batch.tokens)
    report = engine.forward_backward(batch, weights=ones)
    assert report.loss == pytest.approx(plain.loss, rel=1e-6)
    error = np.linalg.norm(engine.gradient.numpy() - expected)
    assert error <= 1e-6 * np.linalg.norm(expected)

    kept = batch.labels.copy()
    kept[[2, 5, 9]] = -100
    fewer = vs.Batch.pack(
        vs.Example(batch.input_ids[start:stop], kept[start:stop])
        for start, stop in zip(batch.offsets[:-1], batch.offsets[1:], strict=True)
    )
    adapted.zero_gradients()
    share = fewer.supervised / batch.supervised
    few = engine.forward_backward(fewer, weight=share)
    expected = engine.gradient.numpy()
    adapted.zero_gradients()
    ones[[2, 5, 9]] = 0
    report = engine.forward_backward(batch, weights=ones)
    assert report.loss == pytest.approx(share * few.loss, rel=1e-6)
    error = np.linalg.norm(engine.gradient.numpy() - expected)
    assert error <= 1e-5 * np.linalg.norm(expected)


def test_weighted_losses_and_a_reference_have_the_gradient_of_their_slope(
    adapted, batch
) -> None:
    engine = adapted.engine
    generator = np.random.default_rng(2)
    weights = generator.uniform(0.1, 2, batch.tokens)
    scores = generator.standard_normal(engine.log_probabilities(batch).shape)
    reference = Reference(scores - np.log(np.exp(scores).sum(1, keepdims=True)), 0.7)

    def loss() -> float:
        rows = engine.log_probabilities(batch).astype(np.float64)
        own = -engine.token_log_probabilities(batch).astype(np.float64)
        places = [
            place
            for start, stop in zip(batch.offsets[:-1], batch.offsets[1:], strict=True)
            for place in range(start + 1, stop)
            if batch.labels[place] != -100
        ]
        target = reference.log_probabilities
        divergence = (np.exp(target) * (target - rows)).sum(1)
        return float((weights[places] * own + 0.7 * divergence).mean())

    report = engine.forward_backward(batch, weights=weights, reference=reference)
    assert report.loss == pytest.approx(loss(), rel=1e-5)
    assert_is_slope(adapted, loss)


def test_a_reference_that_is_the_model_itself_adds_nothing(adapted, batch) -> None:
    engine = adapted.engine
    plain = adapted.forward_backward(batch, vs.SFT(), stream=0)
    expected = engine.gradient.numpy()
    adapted.zero_gradients()
    own = Reference(engine.log_probabilities(batch), weight=3.0)
    report = engine.forward_backward(batch, reference=own)
    assert report.loss == pytest.approx(plain.loss, abs=1e-5)
    error = np.linalg.norm(engine.gradient.numpy() - expected)
    assert error <= 1e-4 * np.linalg.norm(expected)


def test_without_the_adapter_the_model_is_the_base(adapted, batch) -> None:
    before = adapted.engine.adapter.numpy()
    with adapted.engine.without_adapter():
        base = adapted.engine.log_probabilities(batch)
    np.testing.assert_array_equal(adapted.engine.adapter.numpy(), before)
    assert (base != adapted.engine.log_probabilities(batch)).any()
    adapted.remove_adapter()
    np.testing.assert_array_equal(adapted.engine.log_probabilities(batch), base)


@pytest.mark.parametrize(
    ("states", "logits", "message"),
    [
        ({("residual", 0): np.ones((3, 32))}, None, "a row for each of 11 tokens"),
        ({("residual", 0): np.ones((11, 31))}, None, "states must be"),
        ({("residual", 2): np.ones((11, 32))}, None, "the layer must be in 0..<2"),
        ({("residual", -1): np.ones((11, 32))}, None, "the layer must be in 0..<2"),
        ({("values", 0): np.ones((11, 32))}, None, "states must be one of"),
        ({("mlp", 0): np.full((11, 32), np.nan)}, None, "states.* finite"),
        (None, np.ones((3, 3)), "logits must be"),
        (None, np.full((9, 128), np.inf), "logits must hold finite"),
    ],
)
def test_gradients_that_do_not_fit_are_refused(
    adapted, batch, states, logits, message
) -> None:
    adapted.forward_backward(batch, vs.SFT())
    with pytest.raises(ValueError, match=message):
        adapted.engine.backward_from(batch, states, logits=logits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": np.ones(3)}, "weights must be finite, one for each of 11 tokens"),
        ({"weights": np.full(11, np.nan)}, "weights must hold finite numbers"),
        ({"reference": Reference(np.zeros((2, 128)))}, "reference must"),
        ({"reference": Reference(np.ones((9, 128)))}, "reference.* log-probability"),
    ],
)
def test_terms_that_do_not_fit_are_refused(adapted, batch, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        adapted.engine.forward_backward(batch, **options)
    assert not adapted.engine.gradient.numpy().any()
