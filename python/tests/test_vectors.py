"""The adapter and its gradient as flat vectors; frozen factors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from small_models import batch, small, with_adapter

import vaccine_swift as vs


def adamw(model: vs.CausalLM) -> Any:
    return model.engine.adamw(beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.1)


def flat(state: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([value.reshape(-1) for value in state.values()])


def test_vectors_are_the_factors_in_their_order_and_shape(adapted) -> None:
    adapted.forward_backward(batch(), vs.SFT())
    engine = adapted.engine
    np.testing.assert_array_equal(engine.adapter.numpy(), flat(adapted.adapter_state()))
    np.testing.assert_array_equal(engine.gradient.numpy(), flat(adapted.gradients()))
    assert not engine.zeros().numpy().any()


def test_arithmetic_is_that_of_numpy(adapted) -> None:
    engine = adapted.engine
    generator = np.random.default_rng(0)
    size = engine.adapter.numpy().size
    a, b = generator.standard_normal((2, size)).astype(np.float32)
    first, second = engine.zeros(), engine.zeros()
    first.write(a)
    second.write(b)
    exact = a.astype(np.float64)
    assert first.dot(second) == pytest.approx(exact @ b.astype(np.float64), rel=1e-12)
    assert first.norm() == pytest.approx(float(np.linalg.norm(exact)), rel=1e-12)
    other = first.copy()
    other.axpy(0.25, second)
    np.testing.assert_allclose(other.numpy(), exact + 0.25 * b, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(first.numpy(), a)
    other.assign(first)
    other.add_product(-2.0, first, second)
    expected = exact - 2 * exact * b
    np.testing.assert_allclose(other.numpy(), expected, rtol=1e-5, atol=1e-6)
    other.scale(0.5)
    np.testing.assert_allclose(other.numpy(), expected / 2, rtol=1e-5, atol=1e-6)
    first.axpy(1.0, first)
    np.testing.assert_array_equal(first.numpy(), 2 * a)


def test_writing_a_vector_writes_the_model(adapted) -> None:
    engine = adapted.engine
    values = np.arange(engine.adapter.numpy().size, dtype=np.float64) / 1000
    for vector, read in (
        (engine.adapter, adapted.adapter_state),
        (engine.gradient, adapted.gradients),
    ):
        vector.write(values)
        np.testing.assert_array_equal(flat(read()), values.astype(np.float32))
    name, shape = adapted._model.tensors("gradient")[1]
    adapted._model.write("gradient", name, np.full(shape, 7.0))
    assert (adapted.gradients()[name] == 7).all()


@pytest.mark.parametrize(
    ("values", "error"),
    [
        (np.ones(3), ValueError),
        (np.ones((2, 2)), ValueError),
        ("text", TypeError),
        (np.full(1, np.nan), ValueError),
        (np.full(1, 1e39), ValueError),
    ],
)
def test_numbers_that_do_not_fit_are_refused(adapted, values, error) -> None:
    vector = adapted.engine.adapter
    before = vector.numpy()
    if values is not None and np.size(values) == 1 and error is ValueError:
        values = np.concatenate([before[:-1].astype(np.float64), values])
    with pytest.raises(error, match="values"):
        vector.write(values)
    np.testing.assert_array_equal(vector.numpy(), before)


@pytest.mark.parametrize("alpha", [math.nan, math.inf, 1e39])
def test_a_factor_beyond_float32_is_refused(adapted, alpha) -> None:
    vector = adapted.engine.adapter
    before = vector.numpy()
    for call in (
        lambda: vector.scale(alpha),
        lambda: vector.axpy(alpha, vector),
        lambda: vector.add_product(alpha, vector, vector),
    ):
        with pytest.raises(ValueError, match="alpha must be finite in float32"):
            call()
    np.testing.assert_array_equal(vector.numpy(), before)


def test_vectors_of_another_model_or_adapter_are_refused(adapted) -> None:
    vector, apart = adapted.engine.adapter, adapted.engine.zeros()
    other = with_adapter(small()).engine.adapter
    with pytest.raises(ValueError, match="other must be a vector of the same model"):
        vector.axpy(1.0, other)
    with pytest.raises(ValueError, match="b must be a vector of the same model"):
        vector.add_product(1.0, vector, other)
    with pytest.raises(TypeError, match="other must be a Vector, got int"):
        adapted.engine.zeros()._vector.dot(3)
    adapted.remove_adapter()
    for gone in (vector, apart):
        with pytest.raises(RuntimeError, match="no adapter any more"):
            gone.numpy()
    with pytest.raises(RuntimeError, match="no adapter"):
        adapted.engine.zeros()
    adapted.add_adapter(vs.LoRAConfig(r=2))
    assert vector.numpy().size == flat(adapted.adapter_state()).size
    with pytest.raises(RuntimeError, match="different adapters"):
        vector.axpy(1.0, apart)


def test_frozen_factors_have_no_gradient_and_stay_bit_for_bit(adapted) -> None:
    engine = adapted.engine
    names = [name for name in engine.names if ".layers.0.self_attn." in name]
    assert names
    optimiser = adamw(adapted)
    before = adapted.adapter_state()
    engine.freeze(names)
    adapted.forward_backward(batch(), vs.Vaccine())
    gradients = adapted.gradients()
    assert not any(gradients[name].any() for name in names)
    assert all(gradients[name].any() for name in set(gradients) - set(names))
    optimiser.step(adapted._model, 1e-2, 0.0)
    after = adapted.adapter_state()
    for name in before:
        assert (before[name] == after[name]).all() == (name in names)
        assert optimiser.skipped(name) == (name in names)


def test_a_frozen_step_does_not_count_in_the_bias_correction() -> None:
    # Two steps, the first frozen, move a factor as one first step does.
    def moved(*, frozen_first: bool) -> dict[str, np.ndarray]:
        model = with_adapter(small())
        optimiser = adamw(model)
        if frozen_first:
            model.engine.freeze(model.engine.names)
            model.forward_backward(batch(), vs.SFT())
            optimiser.step(model._model, 1e-2, 0.0)
            model.engine.freeze([])
            assert optimiser.step_count == 1
        model.forward_backward(batch(), vs.SFT())
        optimiser.step(model._model, 1e-2, 0.0)
        return model.adapter_state()

    once, late = moved(frozen_first=False), moved(frozen_first=True)
    for name, value in once.items():
        np.testing.assert_array_equal(late[name], value, err_msg=name)


def test_freezing_what_is_not_there_is_refused(adapted) -> None:
    with pytest.raises(ValueError, match="no adapter tensor 'x'"):
        adapted.engine.freeze(["x"])
    with pytest.raises(TypeError, match="names must be"):
        adapted._model.set_frozen(3)
    adapted.engine.freeze(adapted.engine.names)
    adapted.remove_adapter()
    with pytest.raises(RuntimeError, match="no adapter to freeze"):
        adapted.engine.freeze([])
    adapted.add_adapter(vs.LoRAConfig(r=2))
    adapted.forward_backward(batch(), vs.SFT())
    assert any(value.any() for value in adapted.gradients().values())


@pytest.mark.parametrize("count", [2**63 - 1, 2**53 + 1, -1, 2**64])
def test_counts_of_steps_are_bounded(adapted, count) -> None:
    optimiser = adamw(adapted)
    with pytest.raises(ValueError, match=r"step_count must be in \[0, 90\d+\]"):
        optimiser.step_count = count
    with pytest.raises(ValueError, match="count must be in"):
        optimiser.set_skipped(adapted.engine.names[0], count)
    optimiser.step_count = 2**53
    adapted.forward_backward(batch(), vs.SFT())
    with pytest.raises(RuntimeError, match="has taken its last step"):
        optimiser.step(adapted._model, 1e-3, 1.0)
    optimiser.step_count = 2**53 - 1
    optimiser.step(adapted._model, 1e-3, 1.0)
    assert np.isfinite(flat(adapted.adapter_state())).all()


def test_a_negative_second_moment_is_refused(adapted) -> None:
    # Its root would make the weight NaN.
    optimiser = adamw(adapted)
    name, shape = adapted._model.tensors("adapter")[1]
    values = np.zeros(shape)
    values[-1, -1] = -1e-12
    optimiser.write("first", name, values)
    with pytest.raises(ValueError, match="of the second moment is negative"):
        optimiser.write("second", name, values)
