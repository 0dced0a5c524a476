"""An object of another type is refused at once, by the argument's name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from data_tokenizers import byte_tokenizer

import vaccine_swift as vs
from vaccine_swift import study
from vaccine_swift._arguments import shortened

ROWS = [{"prompt": "Hi", "completion": "Hello"}] * 4


@pytest.fixture(scope="module")
def model() -> vs.CausalLM:
    model = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    model.add_adapter(vs.LoRAConfig(r=2))
    return model


class BytesPath(os.PathLike):
    """A path that is no text."""

    def __fspath__(self) -> bytes:
        return b"somewhere"


PATHS: dict[str, tuple[str, Callable[[vs.CausalLM, Any], object]]] = {
    "from_pretrained": ("path", lambda _, v: vs.CausalLM.from_pretrained(v)),
    "load_adapter": ("directory", lambda m, v: m.load_adapter(v)),
    "save_adapter": ("directory", lambda m, v: m.save_adapter(v)),
    "from_directory": ("directory", lambda _, v: vs.Tokenizer.from_directory(v)),
    "save a tokeniser": ("directory", lambda _, v: byte_tokenizer().save(v)),
    "adapter": ("adapter", lambda _, v: vs.repair_adapter(v, "a", "b")),
    "TrainingArguments": ("output_dir", lambda _, v: vs.TrainingArguments(v)),
    "study.run": ("out", lambda _, v: study.run(study.preset("smoke"), v)),
    "study_status": ("out", lambda _, v: study.study_status(v)),
}


@pytest.mark.parametrize("value", [None, 5, ["a"], b"a", BytesPath()], ids=repr)
@pytest.mark.parametrize("call", PATHS)
def test_what_is_no_path_is_refused(model, call, value) -> None:
    name, function = PATHS[call]
    told = f"{name} must be a path, got {re.escape(repr(value))}"
    with pytest.raises(TypeError, match=f"^{told}$"):
        function(model, value)


def test_a_model_is_saved_to_a_path() -> None:
    model = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    with pytest.raises(TypeError, match="^directory must be a path, got 7$"):
        model.save_pretrained(7)


class TokenizerOfAnother:
    """As transformers' have it."""

    eos_token_id = 0
    chat_template = None


OBJECTS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "Trainer": (
        "model must be a CausalLM",
        lambda v: vs.Trainer(v, vs.TrainingArguments("out"), train_dataset=[]),
    ),
    "evaluate": ("model must be a CausalLM", lambda v: study.evaluate(v, limit=1)),
    "refusal_margin": (
        "model must be a CausalLM",
        lambda v: study.refusal_margin(v, [{"instruction": "a", "output": "b"}]),
    ),
    "perplexity": ("model must be a CausalLM", lambda v: study.perplexity(v, ["a"])),
    "load": ("tokenizer must be a Tokenizer", lambda v: vs.data.load(ROWS, v)),
    "Tokenizer": ("backend must be a Tokenizer", lambda v: vs.Tokenizer(v, {})),
    "study.run": ("config must be a StudyConfig", lambda v: study.run(v, "out")),
}


@pytest.mark.parametrize("value", [None, "smollm2", TokenizerOfAnother()])
@pytest.mark.parametrize("call", OBJECTS)
def test_an_object_of_another_class_is_refused(call, value) -> None:
    told, function = OBJECTS[call]
    with pytest.raises(TypeError, match=f"^{told}, got {type(value).__name__}$"):
        function(value)


class HalfACollective:
    rank = 0
    size = 1


@pytest.mark.parametrize(
    ("value", "lacking"),
    [(5, "rank, size, allreduce, barrier"), (HalfACollective(), "allreduce, barrier")],
)
def test_ranks_say_what_a_collective_lacks(model, value, lacking) -> None:
    told = f"{type(value).__name__} lacks {lacking}$"
    with pytest.raises(TypeError, match=told):
        vs.Trainer(
            model, vs.TrainingArguments("out"), train_dataset=[], collective=value
        )
    with pytest.raises(TypeError, match=told):
        vs.distributed.DataParallelEngine(model.engine, value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"warmup_ratio": 0.1, "warmup_steps": 3},
            "warmup_steps is given twice, once as warmup_ratio",
        ),
        (
            {"warmup_steps": 3, "warmup_ratio": 0.1},
            "warmup_steps is given twice, once as warmup_ratio",
        ),
    ],
)
def test_two_spellings_are_told_whichever_comes_first(given, told) -> None:
    with pytest.raises(TypeError, match=f"^{told}$"):
        vs.TrainingArguments("out", **given)


def test_a_long_value_is_told_in_part(model) -> None:
    long = "word " * 2000
    tokenizer = byte_tokenizer()
    config = vs.tiny_config(vocab_size=len(tokenizer))
    speaking = vs.CausalLM.from_config(config, seed=0)
    speaking._tokenizer = tokenizer
    for call in (
        lambda: speaking.generate(long),
        lambda: vs.TrainingArguments("out", learning_rate=long),
        lambda: vs.TrainingArguments("out", lr_scheduler_type=long),
        lambda: vs.CausalLM.from_pretrained([long]),
    ):
        with pytest.raises((TypeError, ValueError)) as refused:
            call()
        assert len(str(refused.value)) < 200
    assert shortened(long) == f"'{long[:56]}…"
