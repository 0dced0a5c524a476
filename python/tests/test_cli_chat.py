"""``vaccine-swift chat``: the answers of `CausalLM.chat`, turn by turn."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from cli_support import write_model
from data_tokenizers import byte_tokenizer

import vaccine_swift as vs
from vaccine_swift.cli import main


@pytest.fixture(scope="module")
def model_path(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def chat(model_path, monkeypatch, capsys):
    """Types lines, gives the status and what was printed."""

    def typed(lines: list[str], *options: object):
        text = "".join(line + "\n" for line in lines)
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        words = ["chat", "--model", model_path, "--max-new-tokens", 8]
        words += ["--dtype", "float32", *options]
        status = main([str(word) for word in words])
        return status, capsys.readouterr()

    return typed


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_a_conversation_is_remembered_until_it_begins_anew(chat, model_path) -> None:
    model = vs.CausalLM.from_pretrained(model_path)
    drawn = {"system": "Be brief.", "temperature": 1.0, "seed": 2}
    first = model.chat("Hi", 8, **drawn)
    talk = [said("user", "Hi"), said("assistant", first), said("user", "Bye")]
    second = model.chat(talk, 8, first_prompt=1, **drawn)
    anew = model.chat("Bye", 8, first_prompt=3, **drawn)
    assert len({first, second, anew, ""}) == 4
    options = ["--system", "Be brief.", "--temperature", 1, "--seed", 2]
    lines = ["Hi", "", "Bye", "/new", "Bye", "/quit", "Hello"]
    status, printed = chat(lines, *options)
    assert status == 0
    assert printed.out == f"{first}\n{second}\n{anew}\n"
    assert printed.err == ""


def test_draws_differ_from_turn_to_turn_and_not_from_run_to_run(chat) -> None:
    options = ["--temperature", 1, "--top-p", 0.9, "--seed", 3]
    lines = ["Hi", "/new", "Hi"]
    _, printed = chat(lines, *options)
    one, other = printed.out[:-1].rsplit("\n", 1)
    assert one != other
    assert chat(lines, *options)[1] == printed


def test_without_an_option_the_answer_fits_the_context(
    model_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hi\n"))
    words = ["chat", "--model", str(model_path), "--dtype", "float32"]
    assert main([*words, "--temperature", "1", "--seed", "2"]) == 0
    model = vs.CausalLM.from_pretrained(model_path)
    answer = model.chat("Hi", temperature=1.0, seed=2)
    assert answer
    assert capsys.readouterr().out == f"{answer}\n"


def test_what_is_beyond_the_context_is_told_of_and_forgotten(chat) -> None:
    status, printed = chat(["Hi", "Hello " * 500, "Hi"])
    assert status == 0
    assert "more than the context of 256" in printed.err
    assert printed.err.endswith("the request is forgotten\n")
    _, twice = chat(["Hi", "Hi"])
    assert printed.out == twice.out


def test_ctrl_c_breaks_an_answer_off_and_the_talk_goes_on(chat, monkeypatch) -> None:
    answer = vs.CausalLM.chat
    asked = []

    def broken(self, messages, *args, **options):
        asked.append(messages)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return answer(self, messages, *args, **options)

    monkeypatch.setattr(vs.CausalLM, "chat", broken)
    status, printed = chat(["Hi", "Bye", "Hello"])
    assert status == 0
    assert printed.err == "broken off; the request is forgotten\n"
    assert [one["content"] for one in asked[2] if one["role"] == "user"] == [
        "Hi",
        "Hello",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-new-tokens", "0"], "--max-new-tokens must be at least 1"),
        (["--temperature", "-1"], "--temperature must be at least 0"),
        (["--seed", "-1"], "--seed must be"),
        (["--adapter", "missing"], "missing"),
    ],
)
def test_options_are_refused_by_name(chat, options, message) -> None:
    status, printed = chat(["Hi"], *options)
    assert (status, printed.out) == (2, "")
    assert message in printed.err


def test_a_model_without_a_chat_template_is_refused(chat, tmp_path) -> None:
    write_model(tmp_path)
    for file in (*tmp_path.glob("chat_template*"), tmp_path / "tokenizer_config.json"):
        file.unlink()
    byte_tokenizer(chat_template=None).save(tmp_path)
    status, printed = chat(["Hi"], "--model", tmp_path)
    assert status == 2
    assert "has no chat template; use vaccine-swift generate" in printed.err
