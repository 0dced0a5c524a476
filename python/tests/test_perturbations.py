"""What an engine's pass adds to the attention outputs."""

from __future__ import annotations

import math

import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift.methods import Gaussian, Given, Worst


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rho / 1e-7", {"perturbation": "worst", "rho": 3.5e31}),
        ("√variance", {"perturbation": "gaussian", "variance": 1e78}),
        ("weight", {"weight": -1e39}),
    ],
)
def test_the_core_refuses_what_float32_cannot_hold(adapted, name, options) -> None:
    arguments = {"weight": 1.0, "seed": 0, "stream": 0} | options
    batch = vs.Batch.pack([vs.Example([1, 2, 3], [-100, 2, 3])])
    with pytest.raises(ValueError, match=f"{name} must be finite in float32"):
        adapted._model.forward_backward(
            batch.input_ids, batch.labels, batch.offsets, **arguments
        )


def test_a_perturbation_of_chosen_layers_has_norm_rho_over_these(adapted) -> None:
    batch = vs.Batch.pack([vs.Example([1, 2, 3, 4], [-100, 2, 3, 4])])
    engine = adapted.engine
    gradients = engine.attention_gradients(batch).states()
    engine.forward_backward(batch, perturbation=Worst(2.0, layers=[1]))
    expected = np.zeros_like(gradients)
    expected[1] = gradients[1] * (2.0 / (np.linalg.norm(gradients[1]) + 1e-7))
    np.testing.assert_allclose(adapted.perturbations(), expected, rtol=1e-5, atol=1e-9)
    engine.forward_backward(batch, perturbation=Worst(2.0, layers=[1], norm="all"))
    expected[1] = gradients[1] * (2.0 / (np.linalg.norm(gradients) + 1e-7))
    np.testing.assert_allclose(adapted.perturbations(), expected, rtol=1e-5, atol=1e-9)


def test_attention_gradients_are_those_of_the_first_pass(adapted) -> None:
    batch = vs.Batch.pack([vs.Example([1, 2, 3, 4], [-100, 2, 3, 4])])
    found = adapted.engine.attention_gradients(batch)
    states = found.states()
    squares = (states.astype(np.float64) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(found.squared_norms, squares, rtol=1e-12)
    assert not any(value.any() for value in adapted.gradients().values())
    report = adapted.forward_backward(batch, vs.Vaccine(rho=2.0))
    assert found.loss == report.clean_loss
    norm = math.sqrt(found.squared_norms.sum())
    assert report.attention_gradient_norm == norm
    epsilon = states * np.float32(2.0 / (norm + 1e-7))
    np.testing.assert_array_equal(adapted.perturbations(), epsilon)
    with pytest.raises(RuntimeError, match="left no attention gradients"):
        found.states()


def test_a_given_perturbation_gives_the_step_of_the_worst_one(adapted) -> None:
    batch = vs.Batch.pack([vs.Example([1, 2, 3, 4], [-100, 2, 3, 4])])
    worst = adapted.forward_backward(batch, vs.Vaccine(rho=2.0), stream=0)
    gradients, epsilon = adapted.gradients(), adapted.perturbations()
    adapted.zero_gradients()
    given = adapted.engine.forward_backward(batch, perturbation=Given(epsilon))
    assert given.loss == worst.loss
    for name, gradient in adapted.gradients().items():
        np.testing.assert_array_equal(gradient, gradients[name], err_msg=name)
    np.testing.assert_allclose(
        given.perturbation_norms, worst.perturbation_norms, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("perturbation", "message"),
    [
        (Worst(1.0, layers=[]), "layers must rise strictly"),
        (Worst(1.0, layers=[1, 0]), "layers must rise strictly"),
        (Worst(1.0, layers=[0, 2]), "layers must rise strictly"),
        (Gaussian(1.0, layers=[-1]), "layers must rise strictly"),
        (Given(np.zeros((2, 3, 32), np.float32)), "values must be"),
        (
            Given(np.full((2, 4, 32), np.nan, np.float32)),
            "values: the element of layer",
        ),
    ],
)
def test_a_perturbation_that_does_not_fit_is_refused(
    adapted, perturbation, message
) -> None:
    batch = vs.Batch.pack([vs.Example([1, 2, 3, 4], [-100, 2, 3, 4])])
    adapted.forward_backward(batch, vs.SFT())
    with pytest.raises(ValueError, match=message):
        adapted.engine.forward_backward(batch, perturbation=perturbation)
    assert not any(value.any() for value in adapted.gradients().values())


def test_another_draw_has_other_masks_and_noise(adapted) -> None:
    batch = vs.Batch.pack([vs.Example([1, 2, 3, 4], [-100, 2, 3, 4])])
    noise = []
    for draw in (0, 1, 1):
        adapted.engine.forward_backward(
            batch, perturbation=Gaussian(1.0, layers=[0]), draw=draw
        )
        noise.append(adapted.perturbations())
        assert not noise[-1][1].any()
    assert (noise[0] != noise[1]).any()
    np.testing.assert_array_equal(noise[1], noise[2])
