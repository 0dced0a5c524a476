"""The benchmark's PyTorch side computes Vaccine's step, so that it is a fair rival."""

from __future__ import annotations

import importlib
import sys
import types
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import golden
import pytest
from random_cases import random_case

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def rival(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The module `torch_side` of the benchmarks."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(BENCHMARKS)])
    return importlib.import_module("torch_side")


@pytest.mark.parametrize("seed", [0, 2, 4])
def test_ported_hooks_give_the_gradient_of_the_oracle(
    oracle: SimpleNamespace, rival: types.ModuleType, seed: int
) -> None:
    # Even seeds adapt all projections: without an adapter below it, layer 0's output
    # has no gradient to hook. transformers takes the loss in float32: 1e-5.
    case = random_case(oracle, seed)
    sequences = case.sequences(4, 40)
    expected = oracle.step.step(case.torch_model, sequences, rho=case.rho)
    pairs = [SimpleNamespace(input_ids=ids, labels=labels) for ids, labels in sequences]
    inputs = rival.collate(pairs, pad_id=0)
    case.torch_model.zero_grad()
    loss = rival.vaccine_step(case.torch_model, inputs, case.rho, nullcontext)
    assert loss == pytest.approx(expected.loss, rel=1e-5)
    parameters = oracle.step.adapter_parameters(case.torch_model)
    actual = {name: parameter.grad.numpy() for name, parameter in parameters.items()}
    golden.assert_states_agree(actual, expected.gradients, 1e-5)
