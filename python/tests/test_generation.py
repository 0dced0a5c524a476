"""Continuations of a model: token ids and texts."""

from __future__ import annotations

import json
import types
import warnings
from pathlib import Path
from typing import Any

import checkpoint_files as files
import numpy as np
import pytest
from cli_support import write_model
from small_models import IDS
from tokenizers import Tokenizer as Backend
from tokenizers import models as backends
from tokenizers import pre_tokenizers, processors

import vaccine_swift as vs
from vaccine_swift.models.generation import ChatTemplateWarning


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


def gguf_with_ends(path: Path, **fields: Any) -> vs.CausalLM:
    """A model with special tokens for turns; `fields` go into its vocabulary."""
    tokens, types = files.vocabulary()
    tokens += ["<|eot_id|>", "<|eom_id|>", "<turn/>"]
    config = files.gguf_config() | {"vocab_size": len(tokens)}
    metadata = files.tokenizer_metadata(
        tokens=tokens, token_type=[*types, 3, 1, 3], **fields
    )
    weights = files.random_weights(config, seed=3)
    files.write_gguf(path, config, weights, metadata=metadata)
    return vs.CausalLM.from_pretrained(path)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # <|eot_id|> is a control token; <|eom_id|> is not, so its text says nothing.
        ({}, ["<end>", "<|eot_id|>"]),
        ({"eom_token_id": -2}, ["<end>", "<|eot_id|>", "<|eom_id|>"]),
        ({"eot_token_id": -1}, ["<end>", "<|eot_id|>", "<turn/>"]),
        ({"eos_token_id": None, "eot_token_id": -1}, ["<|eot_id|>", "<turn/>"]),
    ],
)
def test_every_end_token_of_a_gguf_file_ends_a_generation(
    tmp_path: Path, fields: dict[str, Any], expected: list[str]
) -> None:
    count = len(files.vocabulary()[0]) + 3
    given = {k: count + v if v and v < 0 else v for k, v in fields.items()}
    model = gguf_with_ends(tmp_path / "m.gguf", **given)
    tokenizer = model.tokenizer
    found = [
        tokenizer.decode([i], skip_special_tokens=False)
        for i in tokenizer.end_token_ids
    ]
    assert found == expected
    for path in (tmp_path / "m.gguf", saved(model, tmp_path / "saved")):
        again = vs.CausalLM.from_pretrained(path)
        for end in tokenizer.end_token_ids:
            assert_stops_at(again, end)


def saved(model: vs.CausalLM, path: Path) -> Path:
    model.save_pretrained(path)
    return path


def assert_stops_at(model: vs.CausalLM, end: int) -> None:
    """Make `end` the most likely token after token 40, and nothing else."""
    embedding = np.zeros(model._shapes("weight")["model.embed_tokens.weight"], "f4")
    embedding[40, 0] = 1
    embedding[end, 0] = 2
    changed = {"model.embed_tokens.weight": embedding}
    for name, shape in model._shapes("weight").items():
        plain = np.ones(shape, "f4") if "norm" in name else np.zeros(shape, "f4")
        model._model.write("weight", name, changed.get(name, plain))
    assert model.generate_ids([[40]], 5) == [[end]]


def test_the_end_of_a_turn_in_the_chat_template_ends_a_generation(
    tmp_path: Path,
) -> None:
    backend = Backend(backends.WordLevel({"a": 0, "b": 1, "</s>": 2}))
    backend.add_special_tokens(["<|im_end|>", "<end_of_turn>"])
    template = "{% for m in messages %}{{ m.content }}<end_of_turn>{% endfor %}"
    config = {"eos_token": "</s>", "chat_template": template}
    vs.Tokenizer(backend, config).save(tmp_path)
    assert vs.Tokenizer.from_directory(tmp_path).end_token_ids == (2, 4)
    config["chat_template"] = template.replace("end_of_turn", "stop")
    assert vs.Tokenizer(backend, config).end_token_ids == (2,)


def test_the_list_of_the_generation_configuration_is_kept(
    model: vs.CausalLM, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path)
    ends = {"eos_token_id": [5, 7], "temperature": 0.6}
    (tmp_path / "generation_config.json").write_text(json.dumps(ends))
    vs.CausalLM.from_pretrained(tmp_path).save_pretrained(tmp_path / "again")
    written = json.loads((tmp_path / "again/generation_config.json").read_text())
    assert written == ends
    for end in ends["eos_token_id"]:
        assert_stops_at(vs.CausalLM.from_pretrained(tmp_path / "again"), end)


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
            "one for each of the 1 prompts, got 2",
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


@pytest.fixture
def talking(tmp_path: Path) -> vs.CausalLM:
    write_model(tmp_path)
    return vs.CausalLM.from_pretrained(tmp_path)


def test_chat_is_generation_from_the_template(talking: vs.CausalLM) -> None:
    prompt = "<user> Hi</s>\n<assistant> "
    (text,) = talking.generate([prompt], 12, add_special_tokens=False)
    assert talking.chat("Hi", 12) == text.strip()
    assert talking.chat([{"role": "user", "content": "Hi"}], 12) == text.strip()
    parts = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    assert talking.chat(parts, 12) == text.strip()

    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Bye"},
    ]
    prompt = "<system> Be brief.</s>\n<user> Hi</s>\n<assistant> Hello</s>\n"
    prompt += "<user> Bye</s>\n<assistant> "
    drawn: dict[str, Any] = {"temperature": 1.0, "top_p": 0.9, "seed": 4}
    (text,) = talking.generate([prompt], 12, add_special_tokens=False, **drawn)
    assert talking.chat(talk, 12, system="Be brief.", **drawn) == text.strip()


@pytest.mark.parametrize("request_text", ["Hi", "Hello there, " * 9])
def test_an_answer_takes_what_the_context_leaves_where_nobody_says_more(
    talking: vs.CausalLM, request_text: str
) -> None:
    prompt = f"<user> {request_text}</s>\n<assistant> "
    asked = len(talking.tokenizer.encode(prompt, add_special_tokens=False))
    left = talking.config["max_position_embeddings"] - asked
    assert 0 < left < 256
    assert talking.chat(request_text) == talking.chat(request_text, left)
    with pytest.raises(ValueError, match="256 new ones exceed the context of 256"):
        talking.chat(request_text, 256)


def test_an_answer_is_of_256_tokens_where_the_context_has_more(
    talking: vs.CausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []
    config = talking._model.configuration | {"context_length": 4096}
    monkeypatch.setattr(
        type(talking),
        "generate",
        lambda self, prompts, limit, *_, **__: limits.append(limit) or [""],
    )
    monkeypatch.setattr(talking, "_model", types.SimpleNamespace(configuration=config))
    talking.chat("Hi")
    assert limits == [256]


def test_new_tokens_beyond_the_context_take_no_memory(model: vs.CausalLM) -> None:
    # 10,000 prompts of 2^31 - 1 new tokens would be 86 TB.
    for count in (1, 10_000):
        with pytest.raises(ValueError, match="exceed the context of 256"):
            model.generate_ids([[1]] * count, 2**31 - 1)
        with pytest.raises(ValueError, match="exceed the context of 256"):
            model.generate_ids([[1]] * count, 256)
    assert len(model.generate_ids([[1]], 255, end_tokens=[])[0]) == 255


@pytest.mark.parametrize(
    ("messages", "options", "error", "words"),
    [
        (3, {}, TypeError, "messages must be a str or a list of dicts"),
        ({"role": "user", "content": ""}, {}, TypeError, "messages must be a str"),
        ("Hi", {"system": 3}, TypeError, "system must be a str"),
        ([], {}, ValueError, "at least one message"),
        ([{"role": "usr", "content": ""}], {}, ValueError, "Did you mean 'user'"),
        ([{"role": "assistant", "content": "x"}], {}, ValueError, "got an answer"),
        ("Hi", {"tools": [{"name": "add"}]}, ValueError, "'tools' would be lost"),
        ("Hi", {"max_new_tokens": 0}, ValueError, "max_new_tokens must be at least 1"),
        ("Hi", {"temperature": -1}, ValueError, "temperature must be at least 0"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    talking: vs.CausalLM,
    messages: Any,
    options: Any,
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        talking.chat(messages, **options)


def test_a_model_without_a_template_or_tokenizer_cannot_chat(
    with_tokenizer: vs.CausalLM, model: vs.CausalLM
) -> None:
    with pytest.raises(ValueError, match="no chat template; .* use generate"):
        with_tokenizer.chat("w1")
    with pytest.raises(RuntimeError, match="no tokenizer"):
        model.chat("w1")


def test_nothing_after_bare_text_hints_at_the_template_once(
    talking: vs.CausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = talking.tokenizer.eos_token_id
    monkeypatch.setattr(
        talking, "generate_ids", lambda prompts, *_, **__: [[end]] * len(prompts)
    )
    rendered = "<user> Hi</s>\n<assistant> "
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert talking.generate([rendered]) == [""]
        assert talking.generate(["Hi"], add_special_tokens=False) == [""]
        assert talking.chat("Hi") == ""
    with pytest.warns(ChatTemplateWarning, match=r"prompts\[1\].* model\.chat"):
        assert talking.generate([rendered, "Hi"]) == ["", ""]
    assert talking.generate(["Hi"]) == [""]
