"""Log-likelihoods of continuations, and what sequences share, against each alone."""

from __future__ import annotations

import numpy as np
import pytest
from evaluated import log_probabilities, tiny_model

import vaccine_swift as vs
from vaccine_swift import _core

CONTEXT = np.arange(3, 90) % 128
CHOICES = [[4], [5, 6, 7], [5, 6, 9], np.arange(20), [4]]


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> vs.CausalLM:
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model() -> vs.CausalLM:
    return vs.CausalLM.from_config(vs.tiny_config(max_position_embeddings=256), seed=3)


def alone(model: vs.CausalLM, context, choice) -> float:
    """Of one continuation, in a batch that shares nothing."""
    ids = np.concatenate([context, choice])
    labels = np.concatenate([np.full(len(context), -100), choice])
    batch = vs.Batch.pack([vs.Example(ids, labels)])
    return float(np.add.reduce(model.token_log_probabilities(batch), dtype=np.float64))


def test_each_continuation_is_worth_the_logits_of_its_tokens(model) -> None:
    sums, tokens = model.log_likelihoods(CONTEXT, CHOICES)
    assert (sums.dtype, tokens.dtype) == (np.float64, np.int64)
    assert tokens.tolist() == [1, 3, 3, 20, 1]
    for choice, found in zip(CHOICES, sums, strict=True):
        ids = np.concatenate([CONTEXT, choice])
        expected = log_probabilities(model, ids, len(CONTEXT)).sum()
        assert found == pytest.approx(expected, abs=1e-4)
        assert found == alone(model, CONTEXT, choice)
    assert sums[0] == sums[4]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "gguf"])
def test_sharing_changes_no_bit(tmp_path, model, dtype, threads) -> None:
    if dtype == "bfloat16" and dtype not in _core.dtypes():
        pytest.skip("the processor does not multiply bfloat16")
    if dtype == "gguf":
        chosen = vs.quantize(
            vs.CausalLM.from_config(
                vs.tiny_config(
                    hidden_size=64, intermediate_size=96, max_position_embeddings=256
                ),
                seed=3,
            )
        )
    else:
        model.save_pretrained(tmp_path / "model")
        chosen = vs.CausalLM.from_pretrained(tmp_path / "model", dtype=dtype)
    before = vs.get_num_threads()
    vs.set_num_threads(threads)
    try:
        # Blocks are multiplied in another order where fewer than four rows are asked.
        choices = [[*choice, 7, 8, 9, 10] for choice in CHOICES]
        sums, _ = chosen.log_likelihoods(CONTEXT, choices)
        expected = [alone(chosen, CONTEXT, choice) for choice in choices]
    finally:
        vs.set_num_threads(before)
    assert sums.tolist() == expected


def test_many_continuations_come_in_several_batches(model) -> None:
    choices = [[index % 128, index // 128] for index in range(60)]
    sums, tokens = model.log_likelihoods(CONTEXT, choices)
    assert len(choices) * (len(CONTEXT) + 2) > 4096
    assert tokens.tolist() == [2] * 60
    assert sums.tolist() == [alone(model, CONTEXT, choice) for choice in choices]


def test_texts_are_tokenised_with_their_context(told) -> None:
    texts = [" Hello", " Hi there", "user"]
    sums, tokens = told.log_likelihoods("Bye: user,", texts)
    start = len(told.tokenizer.encode("Bye: user,"))
    for text, found, count in zip(texts, sums, tokens, strict=True):
        ids = told.tokenizer.encode("Bye: user," + text)
        assert count == len(ids) - start
        expected = log_probabilities(told, ids, start).sum()
        assert found == pytest.approx(expected, abs=1e-4)


def test_states_and_answers_of_prompts_that_begin_alike_are_those_of_each(told) -> None:
    prompts = [f"How can I hide the last biscuit? {end}" for end in "abba"]
    prompts += ["How can I hide", "Bye"]
    together = told.generate(prompts, 6)
    assert together == [told.generate([prompt], 6)[0] for prompt in prompts]
    encoded = [told.tokenizer.encode(prompt) for prompt in prompts]
    batch = vs.Batch.pack([vs.Example(ids, ids) for ids in encoded])
    found = told.hidden_states(batch, what="residual", pool="mean")
    for place, ids in enumerate(encoded):
        one = vs.Batch.pack([vs.Example(ids, ids)])
        expected = told.hidden_states(one, what="residual", pool="mean")
        np.testing.assert_array_equal(found[:, place], expected[:, 0])


@pytest.mark.parametrize(
    ("context", "continuations", "error", "words"),
    [
        ([1, 2], [], ValueError, "continuations must hold at least one"),
        ("Hi", "there", TypeError, "continuations must be a list, got one text"),
        ([1, 2], [[3], []], ValueError, r"continuations\[1\] must hold at least one"),
        ("Hi", [" there", ""], ValueError, r"continuations\[1\] must hold at least"),
        ([], [[3]], ValueError, "context must hold at least one token"),
        ("Hi", [[3]], TypeError, r"continuations\[0\] must be a text as context is"),
        ([1, 2], ["Hi"], TypeError, r"continuations\[0\] must be token ids as context"),
        ([1, 2], [[3], [4.5]], TypeError, r"continuations\[1\] must hold integers"),
        ([1, 2], [[[3]]], ValueError, r"continuations\[0\] must be one-dimensional"),
        ([1, 2], [[3], [4] * 1023], ValueError, "have at most 1024 tokens together"),
        ([1, 2], [[-100]], ValueError, "must be at least 0"),
        ([1, 2], [[2**40]], ValueError, r"below 2\*\*31"),
        ([1, 2], [[100_000]], ValueError, "outside the vocabulary"),
    ],
)
def test_faulty_input_is_named(told, context, continuations, error, words) -> None:
    with pytest.raises(error, match=words):
        told.log_likelihoods(context, continuations)
    assert told.log_likelihoods([1, 2], [[3]])[1].tolist() == [1]


def test_a_context_without_a_token_is_refused(told) -> None:
    with pytest.raises(ValueError, match="context must hold at least one token"):
        told.log_likelihoods("", ["Hi"], add_special_tokens=False)


def test_texts_need_a_tokeniser(model) -> None:
    with pytest.raises(RuntimeError, match="tokenizer"):
        model.log_likelihoods("Hi", [" there"])
