"""A training step gives the same bits, however many threads share it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift import _core

WIDE = {
    "hidden_size": 96,
    "intermediate_size": 256,
    "num_attention_heads": 6,
    "num_key_value_heads": 3,
    "vocab_size": 300,
}


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the number of threads as it was."""
    count = vs.get_num_threads()
    yield
    vs.set_num_threads(count)


@pytest.mark.parametrize("dtype", _core.dtypes())
def test_a_step_does_not_depend_on_the_number_of_threads(dtype: str) -> None:
    model = vs.CausalLM.from_config(vs.tiny_config(**WIDE), seed=0, dtype=dtype)
    model.add_adapter(vs.LoRAConfig(r=4, lora_alpha=8, lora_dropout=0.2))
    generator = np.random.default_rng(0)
    batch = vs.Batch.pack(
        vs.Example(ids, np.where(np.arange(len(ids)) < 5, -100, ids))
        for ids in (generator.integers(0, 300, n) for n in (33, 60, 14))
    )
    steps = []
    for threads in (1, 2, 3, 7):
        vs.set_num_threads(threads)
        model.zero_gradients()
        report = model.forward_backward(batch, vs.Vaccine(rho=2.0), seed=1, stream=0)
        steps.append((report.loss, model.perturbations(), model.gradients()))
    loss, perturbations, gradients = steps[0]
    assert loss > 0
    for other_loss, other_perturbations, other_gradients in steps[1:]:
        assert other_loss == loss
        np.testing.assert_array_equal(other_perturbations, perturbations)
        for name, gradient in gradients.items():
            np.testing.assert_array_equal(other_gradients[name], gradient)
