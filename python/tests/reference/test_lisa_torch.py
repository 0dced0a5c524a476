"""Lisa against a port to PyTorch, step by step through AdamW."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import golden
import pytest
from random_cases import packed, random_case

from vaccine_swift import _core
from vaccine_swift.methods import Lisa

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

TRAINED_WEIGHTS = 1e-3
STEPS = 12


@pytest.mark.parametrize("variant", ["paper", "authors"])
@pytest.mark.parametrize("seed", range(3))
def test_training_follows_the_port(
    oracle: SimpleNamespace, seed: int, variant: str
) -> None:
    torch, case = oracle.torch, random_case(oracle, seed)
    method = Lisa(rho=0.5, alignment_steps=2, finetune_steps=3, variant=variant)
    port = importlib.import_module("torch_lisa").Lisa(
        case.torch_model, 0.5, 2, 3, 0.1 * STEPS if variant == "authors" else -1
    )
    settings = {"lr": 1e-2, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.1}
    parameters = oracle.step.adapter_parameters(case.torch_model)
    rival = torch.optim.AdamW(parameters.values(), **settings)
    optimiser = _core.AdamW(case.model._model, 0.9, 0.99, 1e-8, 0.1)
    state: dict[str, object] = {}
    for number in range(STEPS):
        own, safe = case.sequences(3, 20), case.sequences(2, 30)
        expected = port.gradient(own, safe)
        case.model.zero_gradients()
        report = case.model.forward_backward(
            packed(own),
            method,
            number=number,
            total=STEPS,
            state=state,
            streams={"alignment": packed(safe)},
        )
        assert report.loss == pytest.approx(expected, rel=1e-4), number
        rival.step()
        optimiser.step(case.model._model, 1e-2, 0.0)
    golden.assert_states_agree(
        case.model.adapter_state(),
        oracle.step.adapter_state(case.torch_model),
        TRAINED_WEIGHTS,
    )
