"""Lisa: its turns, its term, and a run that resumes within a turn."""

from __future__ import annotations

import numpy as np
import pytest
from training_support import adapter_bytes, examples, tiny_model, trainer

import vaccine_swift as vs
from vaccine_swift.methods import Lisa

OWN = vs.Batch.pack(examples(3))
SAFE = vs.Batch.pack(examples(4, seed=8))


def test_it_takes_turns_on_safe_and_own_rows() -> None:
    model, state = tiny_model(), {}
    method = Lisa(alignment_steps=2, finetune_steps=3)
    tokens = [
        model.forward_backward(
            OWN, method, number=number, state=state, streams={"alignment": SAFE}
        ).tokens
        for number in range(10)
    ]
    assert tokens == 2 * (2 * [SAFE.tokens] + 3 * [OWN.tokens])


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_the_term_pulls_to_where_the_other_state_ended(weight) -> None:
    model, method = tiny_model(), Lisa(rho=2.0, alignment_steps=1, finetune_steps=1)
    weights, state = model.engine.adapter, {}
    start = weights.numpy()
    options = {"state": state, "streams": {"alignment": SAFE}, "weight": weight}
    generator = np.random.default_rng(0)
    ends = [start]
    for number in range(4):
        model.zero_gradients()
        report = model.forward_backward(OWN, method, number=number, **options)
        found = model.engine.gradient.numpy()
        model.zero_gradients()
        plain = model.forward_backward(
            OWN if number % 2 else SAFE, vs.SFT(), weight=weight
        )
        # The state before this one ended where this one begins.
        away = weights.numpy() - ends[number]
        term = 2.0 * weight * away
        np.testing.assert_allclose(
            found - model.engine.gradient.numpy(), term, rtol=1e-3, atol=1e-5
        )
        assert report.loss == pytest.approx(plain.loss + float(away @ away), rel=1e-5)
        ends.append(weights.numpy())
        weights.write(ends[-1] + 0.1 * generator.standard_normal(start.size))
        ends[-1] = weights.numpy()


def test_the_authors_begin_with_the_term_after_a_tenth_of_the_run() -> None:
    for variant, expected in (("paper", True), ("authors", False)):
        model, state = tiny_model(), {}
        method = Lisa(rho=2.0, alignment_steps=1, finetune_steps=9, variant=variant)
        losses = []
        for number in (0, 2, 3):
            options = {"state": state, "streams": {"alignment": SAFE}, "total": 20}
            report = model.forward_backward(OWN, method, number=number, **options)
            losses.append(report.loss - report.clean_loss)
            model.engine.adapter.scale(1.01)
        assert losses[0] == 0
        assert (losses[1] > 0) == expected
        assert losses[2] > 0


def test_a_run_resumes_within_a_turn_to_the_bit(tmp_path) -> None:
    def run(folder: str) -> vs.Trainer:
        return trainer(
            tmp_path / folder,
            model=tiny_model(dropout=0.1),
            data=examples(7),
            method=Lisa(alignment_steps=2, finetune_steps=2, variant="authors"),
            streams={"alignment": examples(5, seed=8)},
            gradient_accumulation_steps=2,
            max_steps=8,
            save_strategy="steps",
            save_steps=1,
        )

    whole = run("whole")
    whole.train()
    for step in (1, 2, 5):
        again = run(f"from-{step}")
        again.train(tmp_path / "whole" / f"checkpoint-{step}")
        assert adapter_bytes(again.model) == adapter_bytes(whole.model), step
