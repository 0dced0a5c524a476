"""The bare rule on a caller's own gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vaccine_swift as vs

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
