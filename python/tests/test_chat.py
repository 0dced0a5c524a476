"""Answers through a model's chat template."""

from __future__ import annotations

import types
import warnings
from pathlib import Path
from typing import Any

import pytest
from cli_support import write_model

import vaccine_swift as vs
from vaccine_swift.models.generation import ChatTemplateWarning


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
