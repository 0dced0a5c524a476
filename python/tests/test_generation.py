"""Continuations of a model: token ids and texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import IDS
from tokenizers import Tokenizer as Backend
from tokenizers import models as backends
from tokenizers import pre_tokenizers, processors

import vaccine_swift as vs


def test_batched_generation_is_one_by_one_generation(model: vs.CausalLM) -> None:
    prompts = [IDS, [7], [9, 9, 9]]
    together = model.generate_ids(prompts, 12)
    assert together == [model.generate_ids([prompt], 12)[0] for prompt in prompts]


def test_each_prompt_may_have_a_limit_of_its_own(model: vs.CausalLM) -> None:
    prompts, limits = [[1, 2, 3], [7], [4, 5]], [5, 1, 9]
    found = model.generate_ids(prompts, limits, 0.8, seed=3)
    for index, (prompt, limit) in enumerate(zip(prompts, limits, strict=True)):
        assert len(found[index]) == limit
        alone = model.generate_ids([prompt], limit, 0.8, seed=3, first_prompt=index)
        assert alone == [found[index]]


def test_greedy_generation_takes_the_largest_logit(model: vs.CausalLM) -> None:
    (found,) = model.generate_ids([IDS], 6)
    ids = list(IDS)
    for token in found:
        assert token == int(np.argmax(model.logits(ids)[-1]))
        ids.append(token)


def test_an_end_token_of_the_configuration_ends_a_continuation(
    model: vs.CausalLM,
) -> None:
    (free,) = model.generate_ids([IDS], 6, end_tokens=[])
    assert len(free) == 6
    for end in (free[2], [127, free[2]]):
        config = vs.tiny_config(eos_token_id=end)
        stopped = vs.CausalLM.from_config(config, seed=1).generate_ids([IDS], 6)
        assert stopped == [free[: free.index(free[2]) + 1]]


@pytest.mark.parametrize("end", ["x", [2, "x"], 1.5, {}, [True], [[]]])
def test_an_end_token_that_is_none_is_refused_as_the_files_fault(end: Any) -> None:
    config = vs.tiny_config(eos_token_id=end)
    model = vs.CausalLM.from_config(config)
    with pytest.raises(ValueError, match="eos_token_id of the model's configuration"):
        model.generate_ids([IDS], 2)


DRAWN: dict[str, Any] = {"temperature": 1.0, "end_tokens": []}


@pytest.mark.parametrize("size", [1, 3, 8, 16])
def test_draws_do_not_depend_on_how_prompts_are_cut_into_batches(
    model: vs.CausalLM, size: int
) -> None:
    prompts = [[7 + number % 3, 9] for number in range(16)]
    whole = model.generate_ids(prompts, 8, seed=5, **DRAWN)
    cut: list[list[int]] = []
    for start in range(0, len(prompts), size):
        part = prompts[start : start + size]
        cut += model.generate_ids(part, 8, seed=5, first_prompt=start, **DRAWN)
    assert cut == whole


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 2])
def test_equal_prompts_and_neighbouring_seeds_draw_from_streams_of_their_own(
    model: vs.CausalLM, seed: int
) -> None:
    # Eight tokens of 128 that are nearly equally likely: two streams that have nothing
    # in common agree with a chance of about 2^-56, and in a place with 1 in 128.
    prompts = [IDS] * 16
    first, second = (
        model.generate_ids(prompts, 8, seed=s, **DRAWN) for s in (seed, seed + 1)
    )
    assert len({tuple(answer) for answer in [*first, *second]}) == 32
    one, other = np.array(first), np.array(second)
    # Of 128 places about one is expected to agree.
    assert np.sum(one == other) <= 8
    assert np.sum(one[1:] == other[:-1]) <= 8


def test_the_last_prompt_number_is_followed_by_the_first(model: vs.CausalLM) -> None:
    _, after = model.generate_ids([IDS] * 2, 8, first_prompt=2**64 - 1, **DRAWN)
    assert [after] == model.generate_ids([IDS], 8, first_prompt=0, **DRAWN)


@pytest.fixture
def with_tokenizer(model: vs.CausalLM, tmp_path: Path) -> vs.CausalLM:
    """One word for each id, "w0" to "w127"; w0 is EOS."""
    backend = Backend(backends.WordLevel({f"w{i}": i for i in range(128)}))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    vs.Tokenizer(backend, {"eos_token": "w0"}).save(tmp_path)
    model.save_pretrained(tmp_path)
    return vs.CausalLM.from_pretrained(tmp_path)


def test_texts_go_through_the_tokenizer_both_ways(
    with_tokenizer: vs.CausalLM, model: vs.CausalLM
) -> None:
    prompts = ["w3 w1 w4", "w7"]
    ids = model.generate_ids([[3, 1, 4], [7]], 5, end_tokens=[0])
    expected = [" ".join(f"w{i}" for i in row if i != 0) for row in ids]
    assert with_tokenizer.generate(prompts, 5) == expected


@pytest.mark.parametrize("single", ["$A w0", "w0 $A w0", "w5 $A w0"])
def test_an_end_that_the_tokenizer_adds_does_not_stand_after_a_prompt(
    model: vs.CausalLM, tmp_path: Path, single: str
) -> None:
    backend = Backend(backends.WordLevel({f"w{i}": i for i in range(128)}, "w9"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single=single, special_tokens=[("w0", 0), ("w5", 5)]
    )
    model.save_pretrained(tmp_path)
    tokenizer = vs.Tokenizer(backend, {"eos_token": "w0"})
    tokenizer.save(tmp_path)
    before = [int(word[1:]) for word in single.split()[:-2]]
    assert tokenizer.encode("w3 w1") == [*before, 3, 1, 0]
    assert tokenizer.encode_prompt("w3 w1") == [*before, 3, 1]
    assert tokenizer.encode_prompt("w3 w0", add_special_tokens=False) == [3, 0]

    (ids,) = model.generate_ids([[*before, 3, 1]], 5, end_tokens=[0])
    ended = vs.CausalLM.from_pretrained(tmp_path)
    expected = " ".join(f"w{i}" for i in ids if i != 0)
    assert ended.generate(["w3 w1"], 5) == [expected]
    # Training begins with the same tokens.
    (example,) = vs.data.load([{"prompt": "w3", "completion": "w1"}], tokenizer)
    prompt = vs.data.render_prompt("w3", tokenizer)
    length = int((example.labels == -100).sum())
    assert example.input_ids[:length].tolist() == tokenizer.encode_prompt(prompt)


def test_without_a_tokenizer_texts_are_refused(model: vs.CausalLM) -> None:
    with pytest.raises(RuntimeError, match="no tokenizer"):
        model.generate(["w1"])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"max_new_tokens": 0}, ValueError, "max_new_tokens must be at least 1"),
        ({"max_new_tokens": 1.0}, TypeError, "max_new_tokens must be an int"),
        ({"max_new_tokens": 250}, ValueError, "250"),
        (
            {"max_new_tokens": [4, 4]},
            ValueError,
            "one for each of the 1 prompt, got 2",
        ),
        ({"max_new_tokens": [0]}, ValueError, "max_new_tokens must be at least 1"),
        ({"max_new_tokens": "4"}, TypeError, "max_new_tokens must be an int"),
        ({"temperature": -1.0}, ValueError, "temperature must be at least 0"),
        ({"temperature": float("nan")}, ValueError, "temperature"),
        ({"top_p": 0.0}, ValueError, "top_p must be above 0"),
        ({"top_p": 1.1}, ValueError, "top_p"),
        ({"seed": -1}, ValueError, "seed"),
        ({"seed": 2**64}, ValueError, "seed"),
        ({"first_prompt": -1}, ValueError, "first_prompt must be at least 0"),
        ({"first_prompt": 2**64}, ValueError, "first_prompt"),
        ({"first_prompt": 1.0}, TypeError, "first_prompt must be an int"),
        ({"end_tokens": [-1]}, ValueError, "end_tokens"),
        ({"end_tokens": ["x"]}, TypeError, "end_tokens"),
    ],
)
def test_bad_generation_arguments_are_refused_by_name(
    model: vs.CausalLM, arguments: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        model.generate_ids([IDS], **arguments)
    assert words in str(caught.value)


def test_prompts_must_be_a_list_of_strings(with_tokenizer: vs.CausalLM) -> None:
    with pytest.raises(TypeError, match="prompts must be a list of str, got 'w1'"):
        with_tokenizer.generate("w1")
    with pytest.raises(ValueError, match="prompts must hold at least one"):
        with_tokenizer.generate([])
    with pytest.raises(ValueError, match=r"prompts\[1\] must hold at least one token"):
        with_tokenizer.generate(["w1", ""])


def test_every_seed_of_64_bits_is_taken(model: vs.CausalLM) -> None:
    # As floats the last 1024 of them are 2^64.
    seeds = [2**64 - 1, 2**64 - 2, 2**64 - 1025, 2**63 + 1]
    drawn = [model.generate_ids([IDS], 8, seed=seed, **DRAWN)[0] for seed in seeds]
    assert len({tuple(answer) for answer in drawn}) == 4
    assert vs.CausalLM.from_config(vs.tiny_config(), seed=2**64 - 1).num_parameters


def test_new_tokens_beyond_the_context_take_no_memory(model: vs.CausalLM) -> None:
    # 10,000 prompts of 2^31 - 1 new tokens would be 86 TB.
    for count in (1, 10_000):
        with pytest.raises(ValueError, match="exceed the context of 256"):
            model.generate_ids([[1]] * count, 2**31 - 1)
        with pytest.raises(ValueError, match="exceed the context of 256"):
            model.generate_ids([[1]] * count, 256)
    assert len(model.generate_ids([[1]], 255, end_tokens=[])[0]) == 255


def test_a_model_without_a_template_or_tokenizer_cannot_chat(
    with_tokenizer: vs.CausalLM, model: vs.CausalLM
) -> None:
    with pytest.raises(ValueError, match="no chat template; .* use generate"):
        with_tokenizer.chat("w1")
    with pytest.raises(RuntimeError, match="no tokenizer"):
        model.chat("w1")
