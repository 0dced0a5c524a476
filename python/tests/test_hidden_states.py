"""States of packed batches: which are read, and how they are pooled."""

from __future__ import annotations

import re

import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift import _core
from vaccine_swift.models.pooling import POOLS, pooled_sequences

SEQUENCES = [([1, 2, 3, 4, 5], [-100, -100, 3, 4, 5]), ([6, 7], [-100, 7]), ([8], [8])]
STATES = ["attention", "residual", "mlp"]


@pytest.fixture(scope="module")
def model() -> vs.CausalLM:
    made = vs.CausalLM.from_config(vs.tiny_config(), seed=1)
    made.add_adapter(vs.LoRAConfig(r=2, lora_dropout=0.4))
    return made


@pytest.fixture(scope="module")
def batch() -> vs.Batch:
    return vs.Batch.pack([vs.Example(*each) for each in SEQUENCES])


def test_packed_attention_outputs_are_those_of_each_sequence(model, batch) -> None:
    alone = [model.attention_outputs(ids) for ids, _ in SEQUENCES]
    np.testing.assert_array_equal(
        model.hidden_states(batch), np.concatenate(alone, axis=1)
    )


def test_the_residual_stream_is_the_sum_of_what_the_blocks_add(model, batch) -> None:
    attention, residual, mlp = (model.hidden_states(batch, what=w) for w in STATES)
    embedding = model._read("weight", "model.embed_tokens.weight")[batch.input_ids]
    expected = np.cumsum(attention.astype(np.float64) + mlp, axis=0) + embedding
    np.testing.assert_allclose(residual, expected, rtol=0, atol=1e-6)


def test_the_last_residual_stream_gives_the_logits(model) -> None:
    one = vs.Batch.pack([vs.Example(*SEQUENCES[0])])
    x = model.hidden_states(one, what="residual", layers=[-1])[0].astype(np.float64)
    weight = model._read("weight", "model.norm.weight").astype(np.float64)
    scale = np.sqrt((x**2).mean(1, keepdims=True) + model.config["rms_norm_eps"])
    names = [name for name, _ in model._model.tensors("weight")]
    head = "lm_head.weight" if "lm_head.weight" in names else names[0]
    logits = (x / scale * weight) @ model._read("weight", head).astype(np.float64).T
    np.testing.assert_allclose(model.logits(one.input_ids), logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("what", STATES)
def test_every_pool_is_a_choice_or_mean_of_the_tokens(model, batch, what) -> None:
    tokens = model.hidden_states(batch, what=what)
    spans = [range(5), range(5, 7), range(7, 8)]
    pooled = {
        "last": tokens[:, [4, 6, 7]],
        "response": tokens[:, [2, 3, 4, 6, 7]],
    }
    for pool, expected in pooled.items():
        found = model.hidden_states(batch, what=what, pool=pool)
        np.testing.assert_array_equal(found, expected)
    mean = np.stack([tokens[:, s].astype(np.float64).mean(1) for s in spans], axis=1)
    found = model.hidden_states(batch, what=what, pool="mean")
    np.testing.assert_array_equal(found, mean.astype(np.float32))


def test_each_pooled_row_knows_its_sequence(batch) -> None:
    found = {pool: pooled_sequences(batch, pool).tolist() for pool in POOLS}
    assert found == {
        "tokens": [0, 0, 0, 0, 0, 1, 1, 2],
        "last": [0, 1, 2],
        "mean": [0, 1, 2],
        "response": [0, 0, 0, 1, 2],
    }


def test_chosen_layers_are_those_of_all(model, batch) -> None:
    everything = model.hidden_states(batch)
    for layers, expected in (([1], [1]), ([0, -1], [0, 1]), (np.array([-2]), [0])):
        found = model.hidden_states(batch, layers=layers)
        np.testing.assert_array_equal(found, everything[expected])


def test_reading_states_leaves_gradients_alone(model, batch) -> None:
    model.forward_backward(batch, vs.SFT())
    before = model.gradients()
    model.hidden_states(batch, what="mlp")
    for name, gradient in model.gradients().items():
        np.testing.assert_array_equal(gradient, before[name])
    model.zero_gradients()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"what": "residul"}, ValueError, "Did you mean 'residual'"),
        ({"pool": "man"}, ValueError, "Did you mean 'mean'"),
        ({"layers": "some"}, ValueError, 'layers must be "all"'),
        ({"layers": []}, TypeError, "layers must be"),
        ({"layers": [0.5]}, TypeError, "layers must be"),
        ({"layers": [2]}, ValueError, "within -2 to 1"),
        ({"layers": [1, 0]}, ValueError, "rise strictly"),
        ({"layers": [0, 0]}, ValueError, "rise strictly"),
    ],
)
def test_bad_arguments_name_themselves(model, batch, arguments, error, words) -> None:
    with pytest.raises(error) as caught:
        model.hidden_states(batch, **arguments)
    assert words in str(caught.value)


def test_a_response_that_is_not_there_is_refused(model) -> None:
    silent = vs.Batch.pack([vs.Example([1, 2], [-100, -100])])
    with pytest.raises(ValueError, match="supervised token"):
        model.hidden_states(silent, pool="response")
    with pytest.raises(TypeError, match="must be a Batch"):
        model.hidden_states([1, 2])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"rows": [9]}, "rows: 9 at position 0 is outside the batch's 0..<8"),
        ({"rows": [-1]}, "rows: -1"),
        ({"bounds": [0, 2]}, "bounds must rise strictly from 0 to"),
        ({"bounds": [0]}, "bounds must rise strictly from 0 to"),
        ({"bounds": [1, 1]}, "bounds must rise strictly from 0 to"),
        ({"rows": [0, 1], "bounds": [0, 0, 2]}, "bounds must rise strictly"),
        ({"layers": [0, 1, 1]}, "at most 2 layers"),
        ({"layers": [0, 0]}, "layers must rise strictly"),
        ({"layers": [-1]}, "layers must rise strictly"),
        ({"offsets": [0, 9]}, "offsets must start at 0"),
        ({"what": "other"}, "what must be"),
    ],
)
def test_the_core_refuses_what_it_cannot_pool(model, batch, changed, words) -> None:
    arguments = {
        "offsets": batch.offsets,
        "what": "attention",
        "layers": [0],
        "rows": [0],
        "bounds": [0, 1],
    } | changed
    core: _core.Model = model._model
    with pytest.raises(ValueError, match=re.escape(words)):
        core.hidden_states(batch.input_ids, **arguments)
