"""A part of a batch computes what it computes in the whole, dropout and noise too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from training_support import examples, tiny_model

import vaccine_swift as vs

# The second row ends in tokens that reach no target.
ROWS = [
    *examples(2),
    vs.Example([4, 5, 6, 7, 8], [-100, 5, -100, -100, -100]),
    *examples(3, seed=5),
]
BATCH = vs.Batch.pack(ROWS)
NUMBERS = {"seed": 3, "stream": 5, "draw": 2}
PARTS = [(0, 1), (1, 3), (4, 2)]


def arrays() -> tuple[Any, ...]:
    return BATCH.input_ids, BATCH.labels, BATCH.offsets


def supervised(first: int, count: int) -> int:
    return sum(row.supervised for row in ROWS[first : first + count])


def model() -> vs.CausalLM:
    return tiny_model(dropout=0.3)


def gradient_of(core: Any) -> np.ndarray:
    return np.concatenate(
        [
            np.asarray(core.read("gradient", name)).ravel()
            for name, _ in core.tensors("gradient")
        ]
    )


@pytest.mark.parametrize(
    "options",
    [{}, {"perturbation": "gaussian", "variance": 0.3}],
    ids=["plain", "noise"],
)
def test_gradients_of_parts_add_up_to_that_of_the_whole(options) -> None:
    weights = np.linspace(0.5, 2, BATCH.tokens, dtype=np.float32)
    whole, parts = model().core, model().core
    options = options | NUMBERS | {"token_weights": weights}
    report = whole.forward_backward(*arrays(), **options)
    loss, squares = 0.0, 0.0
    for first, count in PARTS:
        share = supervised(first, count) / BATCH.supervised
        part = parts.forward_backward(
            *arrays(),
            **options,
            weight=share,
            first_sequence=first,
            sequence_count=count,
        )
        loss += share * part["loss"]
        squares = squares + np.square(part["perturbation_norms"])
    assert loss == pytest.approx(report["loss"], rel=1e-6)
    np.testing.assert_allclose(
        np.sqrt(squares), report["perturbation_norms"], rtol=1e-6
    )
    expected = gradient_of(whole)
    error = np.linalg.norm(gradient_of(parts) - expected)
    assert error < 1e-6 * np.linalg.norm(expected)


def test_attention_gradients_of_a_part_lie_at_its_tokens() -> None:
    core = model().core
    core.attention_gradients(*arrays(), **NUMBERS)
    whole = np.array(core.attention_gradient_states())
    total = np.zeros_like(whole)
    for first, count in PARTS:
        share = supervised(first, count) / BATCH.supervised
        _, squares = core.attention_gradients(
            *arrays(), **NUMBERS, first_sequence=first, sequence_count=count
        )
        states = np.array(core.attention_gradient_states())
        inside = slice(BATCH.offsets[first], BATCH.offsets[first + count])
        assert not np.delete(states, np.r_[inside], axis=1).any()
        np.testing.assert_allclose(
            np.square(states, dtype=np.float64).sum((1, 2)), squares, rtol=1e-6
        )
        total += share * states
    np.testing.assert_allclose(total, whole, atol=1e-6 * np.abs(whole).max())


def test_scaled_attention_gradients_are_the_worst_perturbation() -> None:
    one, two = model().core, model().core
    report = one.forward_backward(*arrays(), perturbation="worst", rho=1.5, **NUMBERS)
    loss, squares = two.attention_gradients(*arrays(), **NUMBERS)
    factor = 1.5 / (np.sqrt(sum(squares)) + 1e-7)
    found = two.forward_backward(
        *arrays(), perturbation="scaled", factor=factor, **NUMBERS
    )
    assert loss == report["clean_loss"]
    assert found["loss"] == report["loss"]
    assert found["perturbation_norms"] == report["perturbation_norms"]
    np.testing.assert_array_equal(gradient_of(one), gradient_of(two))
    np.testing.assert_array_equal(one.perturbations(), two.perturbations())


def test_attention_gradients_take_the_terms_of_a_loss() -> None:
    weights = np.linspace(0.5, 2, BATCH.tokens, dtype=np.float32)
    core = model().core
    reference = np.array(core.log_probabilities(*arrays(), BATCH.supervised))
    terms = {
        "token_weights": weights,
        "reference": reference,
        "reference_weight": 0.5,
    }
    report = core.forward_backward(
        *arrays(), perturbation="worst", rho=1.0, **terms, **NUMBERS
    )
    loss, squares = core.attention_gradients(*arrays(), **terms, **NUMBERS)
    assert loss == report["clean_loss"]
    assert np.sqrt(sum(squares)) == report["attention_gradient_norm"]


def test_gradients_of_another_batch_are_not_scaled() -> None:
    core = model().core
    core.attention_gradients(*arrays(), sequence_count=1)
    with pytest.raises(RuntimeError, match="no attention gradients of this batch"):
        core.forward_backward(*arrays(), perturbation="scaled", factor=1.0)
    with pytest.raises(RuntimeError, match="no attention gradients of this batch"):
        core.forward_backward(*arrays(), perturbation="scaled", factor=1.0)


@pytest.mark.parametrize("part", [(6, 1), (0, 7), (2**32 - 1, 2**32 - 1)])
def test_sequences_beyond_the_batch_are_refused(part) -> None:
    with pytest.raises(ValueError, match="sequences must be some of 0..<6"):
        model().core.forward_backward(
            *arrays(), first_sequence=part[0], sequence_count=part[1]
        )


@pytest.mark.parametrize("value", [-1, 2**63, 1.5])
def test_numbers_that_are_no_counts_are_refused(value) -> None:
    with pytest.raises((TypeError, ValueError), match="sequence_count"):
        model().core.attention_gradients(*arrays(), sequence_count=value)
