"""How a step forms its gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vaccine_swift as vs
from vaccine_swift import _core


def test_every_perturbs_each_tau_th_step_from_the_first() -> None:
    method = vs.Vaccine(rho=1.5, every=3)
    kinds = [method.at_step(step).kind for step in range(7)]
    assert kinds == ["vaccine", "sft", "sft", "vaccine", "sft", "sft", "vaccine"]
    assert method.at_step(3) is method


@pytest.mark.parametrize("method", [vs.SFT(), vs.RandomPerturbation(0.25)])
def test_other_methods_are_the_same_at_every_step(method) -> None:
    assert all(method.at_step(step) is method for step in range(4))


def test_magnitudes_are_what_the_core_takes() -> None:
    assert vs.SFT().magnitude == 0.0
    assert vs.Vaccine().magnitude == 2.0
    assert vs.RandomPerturbation(0.25).magnitude == 0.25


def test_methods_of_equal_numbers_are_equal() -> None:
    assert vs.Vaccine(rho=2, every=np.int64(1)) == vs.Vaccine(rho=2.0)
    assert repr(vs.Vaccine(rho=np.float32(2))) == "Vaccine(rho=2.0, every=1)"


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, -math.inf])
def test_a_magnitude_out_of_range_is_refused_by_name(bad: float) -> None:
    with pytest.raises(ValueError, match="rho must be at least 0"):
        vs.Vaccine(rho=bad)
    with pytest.raises(ValueError, match="variance must be at least 0"):
        vs.RandomPerturbation(variance=bad)
    with pytest.raises(ValueError, match="rho must be at least 0"):
        vs.perturbation([np.ones(2)], bad)


@pytest.mark.parametrize(
    ("every", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError)]
)
def test_every_must_be_a_positive_int(every, error) -> None:
    with pytest.raises(error, match="every must be"):
        vs.Vaccine(every=every)


def test_a_magnitude_must_be_a_number() -> None:
    with pytest.raises(TypeError, match="rho must be a number, got '2'"):
        vs.Vaccine(rho="2")  # type: ignore[arg-type]


shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@given(
    st.lists(shapes, min_size=1, max_size=4),
    st.floats(0, 100, width=32),
    st.integers(0, 2**32 - 1),
)
def test_perturbation_is_the_gradient_scaled_to_rho(
    shapes: list[tuple[int, ...]], rho: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    gradients = [generator.normal(size=shape).astype(np.float32) for shape in shapes]
    norm = math.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in gradients))
    for epsilon, gradient in zip(
        vs.perturbation(gradients, rho), gradients, strict=True
    ):
        assert epsilon.shape == gradient.shape
        assert epsilon.dtype == np.float32
        expected = gradient.astype(np.float64) * (rho / (norm + 1e-7))
        np.testing.assert_allclose(epsilon, expected, rtol=1e-6, atol=1e-38)


def test_perturbation_takes_any_layout_and_leaves_its_input() -> None:
    gradient = np.asfortranarray(np.arange(6.0).reshape(2, 3))[:, ::-1]
    before = gradient.copy()
    (epsilon,) = vs.perturbation([gradient], rho=1.0)
    np.testing.assert_allclose(epsilon, gradient / np.linalg.norm(gradient), rtol=1e-6)
    np.testing.assert_array_equal(gradient, before)


def test_perturbation_of_zero_gradients_is_zero() -> None:
    (epsilon,) = vs.perturbation([np.zeros((2, 3))], rho=2.0)
    assert not epsilon.any()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_perturbation_refuses_a_gradient_that_is_not_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        vs.perturbation([np.ones(2), np.array([1.0, bad])], 2.0)


def test_perturbation_refuses_what_is_no_gradient() -> None:
    with pytest.raises(ValueError, match="at least one array, got none"):
        vs.perturbation([], 2.0)
    with pytest.raises(TypeError, match=r"gradients\[1\] must hold real numbers"):
        vs.perturbation([np.ones(2), np.array(["a"])], 2.0)


@pytest.mark.parametrize("value", [3.5e38, -1e39, 1e300])
def test_perturbation_refuses_a_gradient_beyond_float32(value: float) -> None:
    with pytest.raises(ValueError, match=r"gradients\[1\] .* float32 holds, got -?\d"):
        vs.perturbation([np.ones(2), np.array([[1.0, value]])], 2.0)


def test_the_largest_rho_leaves_zero_gradients_zero() -> None:
    (epsilon,) = vs.perturbation([np.zeros(2)], rho=1e31)
    assert not epsilon.any()
    (epsilon,) = vs.perturbation([np.array([3.0, 4.0])], rho=1e31)
    np.testing.assert_allclose(epsilon, [6e30, 8e30], rtol=1e-6)


BEYOND_FLOAT32 = {
    "rho": lambda: vs.Vaccine(rho=1e32),
    "variance": lambda: vs.RandomPerturbation(1e71),
    "lora_alpha / r": lambda: vs.LoRAConfig(r=8, lora_alpha=1e300),
    "learning_rate": lambda: vs.TrainingArguments(learning_rate=1e39),
    "adam_epsilon": lambda: vs.TrainingArguments(adam_epsilon=1e-46),
    "weight_decay": lambda: vs.TrainingArguments(weight_decay=1e-300),
}


@pytest.mark.parametrize("name", BEYOND_FLOAT32)
def test_a_setting_that_float32_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be "):
        BEYOND_FLOAT32[name]()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rho / 1e-7", {"method": "vaccine", "magnitude": 3.5e31}),
        ("√variance", {"method": "random", "magnitude": 1e78}),
        ("weight", {"method": "sft", "magnitude": 0.0, "weight": -1e39}),
    ],
)
def test_the_core_refuses_what_float32_cannot_hold(adapted, name, options) -> None:
    arguments = {"weight": 1.0, "seed": 0, "stream": 0} | options
    batch = vs.Batch.pack([vs.Example([1, 2, 3], [-100, 2, 3])])
    with pytest.raises(ValueError, match=f"{name} must be finite in float32"):
        adapted._model.forward_backward(
            batch.input_ids, batch.labels, batch.offsets, **arguments
        )


def test_an_optimiser_refuses_what_float32_cannot_hold(adapted) -> None:
    for name, settings in (
        ("beta1", (1 - 1e-9, 0.999, 1e-8, 0.0)),
        ("epsilon", (0.9, 0.999, 1e-46, 0.0)),
        ("epsilon", (0.9, 0.999, 1e39, 0.0)),
    ):
        with pytest.raises(ValueError, match=f"{name} must be"):
            _core.AdamW(adapted._model, *settings)
