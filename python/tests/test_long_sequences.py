"""The comparison of a long sequence with the oracle, on short ones."""

from __future__ import annotations

import numpy as np

import vaccine_swift as vs
from fuzz import large


def test_a_step_on_one_sequence_is_the_oracle_s() -> None:
    """What `python -m fuzz.large` compares of 100,000 tokens, of 300."""
    errors = large.compare(300, say=lambda _: None)
    assert len(errors) == 4 + 7
    assert large.too_large(errors) == []


def test_the_comparison_of_a_long_sequence_sees_one_wrong_gradient() -> None:
    model, oracle = large.adapted(200)
    ids = np.random.default_rng(5).integers(0, 64, 200)
    batch = vs.Batch.pack([vs.Example(ids, ids)])
    model.forward_backward(batch, vs.Vaccine(rho=2.0))
    gradients = model.gradients()
    shifts = model.perturbations()[0]
    known = large.whole(oracle, ids)
    wrong = next(name for name in gradients if "k_proj.lora_A" in name)
    gradients[wrong] = gradients[wrong] * 1.01
    errors = large.gradient_errors(known, shifts, gradients, np.random.default_rng(6))
    found = [name for name, error in errors.items() if error > 1e-3]
    assert found == ["k_proj"]
