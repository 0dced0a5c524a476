"""T-Vaccine against a port to PyTorch, step by step through AdamW."""

from __future__ import annotations

import importlib
import itertools
from types import SimpleNamespace

import golden
import numpy as np
import pytest
from random_cases import RandomCase, packed, random_case

import vaccine_swift as vs
from vaccine_swift import _core
from vaccine_swift.methods import TVaccine

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

GRADIENTS = 1e-4
TRAINED_WEIGHTS = 1e-3
STEPS = 9


def deep_case(oracle: SimpleNamespace, number: int) -> RandomCase:
    """One of the random models with at least three layers and all targets."""
    cases = (random_case(oracle, seed) for seed in itertools.count(0, 2))
    deep = (case for case in cases if case.model.config["num_hidden_layers"] >= 3)
    return next(itertools.islice(deep, number, None))


@pytest.mark.parametrize("variant", ["paper", "authors"])
@pytest.mark.parametrize("number", range(3))
def test_training_follows_the_port(
    oracle: SimpleNamespace, number: int, variant: str
) -> None:
    port = importlib.import_module("torch_t_vaccine")
    torch, case = oracle.torch, deep_case(oracle, number)
    method = TVaccine(
        rho=1.5, layers=2, sample_every=2, measure_every=4, variant=variant
    )
    settings = {"lr": 1e-2, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.1}
    parameters = oracle.step.adapter_parameters(case.torch_model)
    rival = torch.optim.AdamW(parameters.values(), **settings)
    optimiser = _core.AdamW(case.model._model, 0.9, 0.99, 1e-8, 0.1)
    state: dict[str, np.ndarray] = {}
    drawn = []
    for index in range(STEPS):
        harmful = case.sequences(3, 20)
        sequences = case.sequences(4, 40)
        if index % method.measure_every == 0:
            for parameter in parameters.values():
                parameter.requires_grad_()
            seen = harmful[:1] if variant == "authors" else harmful
            expected_shares = port.shares(case.torch_model, seen)
        case.model.zero_gradients()
        report = case.model.forward_backward(
            packed(sequences),
            method,
            number=index,
            state=state,
            streams={"harmful": packed(harmful)},
        )
        np.testing.assert_allclose(state["shares"], expected_shares, rtol=GRADIENTS)
        layers = state["layers"].tolist()
        drawn.append(layers)
        port.freeze(case.torch_model, layers, attention_only=variant == "authors")
        loss, shifts = port.step(case.torch_model, sequences, layers, method.rho)
        assert report.loss == pytest.approx(loss, rel=GRADIENTS)
        norms = [shift.norm(2).item() for shift in shifts]
        np.testing.assert_allclose(report.perturbation_norms, norms, rtol=GRADIENTS)
        expected = {
            name: np.zeros(parameter.shape)
            if parameter.grad is None
            else parameter.grad.numpy()
            for name, parameter in parameters.items()
        }
        gradients = case.model.gradients()
        trained = {
            name for name, parameter in parameters.items() if parameter.grad is not None
        }
        assert trained == {name for name, value in gradients.items() if value.any()}
        golden.assert_states_agree(
            {name: gradients[name] for name in trained},
            {name: expected[name] for name in trained},
            TRAINED_WEIGHTS if index else GRADIENTS,
        )
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        rival.step()
        optimiser.step(case.model._model, 1e-2, 1.0)
    assert all(drawn[index] == drawn[index - 1] for index in range(1, STEPS, 2))
    assert len({tuple(layers) for layers in drawn}) > 1
    golden.assert_states_agree(
        case.model.adapter_state(),
        oracle.step.adapter_state(case.torch_model),
        TRAINED_WEIGHTS,
    )


def test_all_layers_and_the_norm_over_them_is_vaccine(oracle: SimpleNamespace) -> None:
    case = deep_case(oracle, 0)
    batch = packed(case.sequences(4, 40))
    case.model.forward_backward(batch, vs.Vaccine(rho=1.5), stream=0)
    expected = case.model.gradients()
    case.model.zero_gradients()
    case.model.forward_backward(
        batch, TVaccine(rho=1.5, layers=99), stream=0, streams={"harmful": batch}
    )
    golden.assert_states_agree(case.model.gradients(), expected, GRADIENTS)
