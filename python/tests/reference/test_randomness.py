"""Random parts of a step, compared with PyTorch as distributions."""

from __future__ import annotations

from types import SimpleNamespace

import golden
import numpy as np
import pytest
from random_cases import packed, random_case

import vaccine_swift as vs

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

DRAWS = 300
# Two samples of equal distribution: their means differ by more than 5 standard errors,
# or their spreads by more than a factor 1.35 (4.4 standard errors of the log), in one
# of 50,000 trials.
MEAN_ERRORS = 5.0
SPREAD_RATIO = 1.35


def _assert_same_distribution(first: np.ndarray, second: np.ndarray) -> None:
    error = np.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    assert abs(first.mean() - second.mean()) <= MEAN_ERRORS * error
    ratio = first.std(ddof=1) / second.std(ddof=1)
    assert 1 / SPREAD_RATIO <= ratio <= SPREAD_RATIO


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_losses_under_dropout_are_distributed_as_in_peft(
    oracle: SimpleNamespace, dropout: float
) -> None:
    case = random_case(oracle, 30, r=4)
    sequences = case.sequences(3, 30)
    for module in case.torch_model.modules():
        if hasattr(module, "lora_dropout"):
            module.lora_dropout["default"] = oracle.torch.nn.Dropout(dropout)
    batch = oracle.step.PaddedBatch.of(sequences)
    case.torch_model.train()
    oracle.torch.manual_seed(0)
    with oracle.torch.no_grad():
        expected = [_loss(oracle, case.torch_model, batch) for _ in range(DRAWS)]
    state = case.model.adapter_state()
    lora = case.model.adapter
    case.model.remove_adapter()
    case.model.add_adapter(
        vs.LoRAConfig(
            r=lora.r,
            lora_alpha=lora.lora_alpha,
            lora_dropout=dropout,
            target_modules=lora.target_modules,
        ),
        seed=0,
    )
    golden.write_adapter(case.model, state)
    actual = []
    for stream in range(DRAWS):
        case.model.zero_gradients()
        report = case.model.forward_backward(packed(sequences), vs.SFT(), stream=stream)
        actual.append(report.loss)
    _assert_same_distribution(np.array(actual), np.array(expected))


@pytest.mark.parametrize("variance", [0.01, 1.0])
def test_losses_under_random_perturbation_are_distributed_as_in_torch(
    oracle: SimpleNamespace, variance: float
) -> None:
    case = random_case(oracle, 31)
    sequences = case.sequences(3, 30)
    batch = oracle.step.PaddedBatch.of(sequences)
    layers = len(oracle.step.attention_modules(case.torch_model))
    shape = (layers, *batch.input_ids.shape, case.torch_model.config.hidden_size)
    generator = oracle.torch.Generator().manual_seed(0)
    expected = []
    for _ in range(DRAWS):
        noise = oracle.torch.randn(
            shape, generator=generator, dtype=oracle.torch.float64
        )
        with (
            oracle.torch.no_grad(),
            oracle.step.attention_hooks(case.torch_model, noise * variance**0.5),
        ):
            expected.append(_loss(oracle, case.torch_model, batch))
    actual, norms = [], []
    method = vs.RandomPerturbation(variance=variance)
    for stream in range(DRAWS):
        case.model.zero_gradients()
        report = case.model.forward_backward(packed(sequences), method, stream=stream)
        actual.append(report.loss)
        norms.append(report.perturbation_norms)
    _assert_same_distribution(np.array(actual), np.array(expected))
    # No target depends on the tokens from a sequence's last target on.
    reached = sum(np.flatnonzero(labels != -100)[-1] for _, labels in sequences)
    elements = reached * shape[-1]
    # The mean of a chi-square with n degrees of freedom over DRAWS draws: 5 standard
    # errors.
    bound = MEAN_ERRORS * np.sqrt(2 / (elements * DRAWS))
    np.testing.assert_allclose(
        np.mean(np.square(norms), axis=0), variance * elements, rtol=bound
    )


def _loss(oracle: SimpleNamespace, model, batch) -> float:
    logits = model(input_ids=batch.input_ids, attention_mask=batch.mask).logits
    return oracle.step.causal_loss(logits, batch.labels).item()
