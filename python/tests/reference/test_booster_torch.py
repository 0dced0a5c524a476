"""Booster's gradient against a port to PyTorch."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import golden
import pytest
from random_cases import packed, random_case

from vaccine_swift.methods import Booster

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

# The difference of two gradients is some tenths of each.
GRADIENTS = 1e-3


@pytest.mark.parametrize("rho", [0.0, 1.5])
@pytest.mark.parametrize("seed", range(6))
def test_the_gradient_is_the_ports(
    oracle: SimpleNamespace, seed: int, rho: float
) -> None:
    port = importlib.import_module("torch_booster")
    case = random_case(oracle, seed)
    sequences, harmful = case.sequences(4, 40), case.sequences(3, 30)
    settings = {"strength": 2.0, "alpha": 0.5, "rho": rho}
    loss, expected = port.booster(case.torch_model, sequences, harmful, **settings)
    before = case.model.adapter_state()
    report = case.model.forward_backward(
        packed(sequences), Booster(**settings), streams={"harmful": packed(harmful)}
    )
    assert report.loss == pytest.approx(loss, rel=1e-5)
    golden.assert_states_agree(
        case.model.gradients(),
        {name: value.numpy() for name, value in expected.items()},
        GRADIENTS,
    )
    for name, value in case.model.adapter_state().items():
        assert (value == before[name]).all(), name
