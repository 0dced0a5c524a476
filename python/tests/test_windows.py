"""Laws of sliding windows, in training and in generation."""

from __future__ import annotations

import numpy as np
import pytest

import vaccine_swift as vs

IDS = np.random.default_rng(0).integers(3, 60, 150).astype(np.int32)


def mistral(window: int | None, layers: int = 2) -> vs.CausalLM:
    config = vs.tiny_config(
        model_type="mistral", vocab_size=64, num_hidden_layers=layers
    )
    return vs.CausalLM.from_config(config | {"sliding_window": window}, seed=1)


@pytest.mark.parametrize("window", [150, 200, 1000])
def test_a_window_that_a_sequence_does_not_fill_changes_no_bit(window: int) -> None:
    expected = mistral(None).logits(IDS)
    np.testing.assert_array_equal(mistral(window).logits(IDS), expected)
    assert np.abs(mistral(149).logits(IDS) - expected)[149].max() > 0
    np.testing.assert_array_equal(mistral(149).logits(IDS)[:149], expected[:149])


@pytest.mark.parametrize("window", [1, 5, 63, 64, 65, 100])
def test_a_layer_sees_the_last_positions_of_its_window_and_no_other(
    window: int,
) -> None:
    model, changed = mistral(window, layers=1), IDS.copy()
    changed[40] = 2
    before, after = model.logits(IDS), model.logits(changed)
    different = np.flatnonzero(np.abs(after - before).max(axis=1))
    np.testing.assert_array_equal(different, np.arange(40, min(150, 40 + window)))


@pytest.mark.parametrize("window", [1, 5, 64, 65])
def test_generation_chooses_what_a_whole_pass_would(window: int) -> None:
    model = mistral(window)
    prompts = [IDS[:70], IDS[70:73], IDS[10:80]]
    for prompt, found in zip(
        prompts, model.generate_ids(prompts, 12, end_tokens=[]), strict=True
    ):
        ids = list(prompt)
        for token in found:
            logits = model.logits(ids)[-1]
            assert logits[token] == pytest.approx(logits.max(), abs=1e-5)
            ids.append(token)
