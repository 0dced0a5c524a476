"""Prompt texts, letter by letter."""

from __future__ import annotations

import pytest
from data_tokenizers import word_tokenizer

from vaccine_swift.data import load, render_prompt

TOKENIZER = word_tokenizer()
WITHOUT_INPUT = """\
Below is an instruction that describes a task. Write a response that appropriately \
completes the request.

### Instruction:
Name a {colour}.

### Response:"""
WITH_INPUT = """\
Below is an instruction that describes a task, paired with an input that provides \
further context. Write a response that appropriately completes the request.

### Instruction:
Correct it.

### Input:
helo

### Response:"""


@pytest.mark.parametrize(
    ("template", "end"), [("alpaca", ""), ("alpaca-newline", "\n")]
)
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("Name a {colour}.", WITHOUT_INPUT),
        ({"prompt": "Name a {colour}."}, WITHOUT_INPUT),
        (
            {"instruction": "Name a {colour}.", "input": "", "output": "x"},
            WITHOUT_INPUT,
        ),
        ({"instruction": "Name a {colour}.", "input": None}, WITHOUT_INPUT),
        ({"prompt": "Name a {colour}.", "response": "Red.", "x": 1}, WITHOUT_INPUT),
        ({"instruction": "Correct it.", "input": "helo"}, WITH_INPUT),
        (
            {"messages": [{"role": "user", "content": "Name a {colour}."}]},
            WITHOUT_INPUT,
        ),
    ],
)
def test_alpaca_prompts_equal_the_published_wording(template, end, row, expected):
    assert render_prompt(row, TOKENIZER, template) == expected + end


def test_chat_prompts_end_where_the_answer_begins():
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Bye"},
    ]
    expected = "<user> Hi</s>\n<assistant> Hello</s>\n<user> Bye</s>\n<assistant> "
    assert render_prompt({"messages": messages}, TOKENIZER, "chat") == expected
    answered = [*messages, {"role": "assistant", "content": "Bye"}]
    assert render_prompt({"messages": answered}, TOKENIZER, "chat") == expected


def test_chat_puts_an_input_below_its_instruction():
    row = {"instruction": "Correct it.", "input": "helo", "output": "hello"}
    assert (
        render_prompt(row, TOKENIZER, "chat")
        == "<user> Correct it.\n\nhelo</s>\n<assistant> "
    )


@pytest.mark.parametrize("template", ["alpaca", "alpaca-newline", "chat"])
@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "Correct it.", "input": "helo", "output": "hello"},
        {"prompt": "Hi", "completion": "Hello"},
        {"prompt": "Hi", "response": "Hello"},
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
            ]
        },
    ],
)
def test_the_generation_prompt_is_the_prompt_of_training(template, row):
    dataset = load([row], TOKENIZER, template=template)
    assert dataset.rows[0]["prompt"] == render_prompt(row, TOKENIZER, template)


def test_a_system_message_reaches_the_chat_template():
    messages = [
        {"role": "system", "content": "there"},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
    ]
    dataset = load([{"messages": messages}], TOKENIZER, template="chat")
    prompt = "<system> there</s>\n<user> Hi</s>\n<assistant> "
    assert dataset.rows[0] == {"prompt": prompt, "completion": "Hello"}


def test_an_unknown_template_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"template must be .*Did you mean 'alpaca'"):
        render_prompt("Hi", TOKENIZER, "alpacca")
    with pytest.raises(ValueError, match="template must be one of"):
        load([{"prompt": "a", "completion": "b"}], TOKENIZER, template=None)


def test_chat_without_a_chat_template_is_refused():
    bare = word_tokenizer(chat_template=None)
    with pytest.raises(ValueError, match="needs a tokenizer with a chat template"):
        load([{"prompt": "Hi", "completion": "Hello"}], bare, template="chat")


def test_a_failing_chat_template_names_the_row():
    broken = word_tokenizer(chat_template="{{ messages[9].content.text }}")
    rows = [{"prompt": "Hi", "completion": "Hello"}]
    with pytest.raises(ValueError, match="row 0: the chat template failed"):
        load(rows, broken, template="chat")


def test_a_chat_template_that_rewrites_its_prompt_is_refused():
    rewriting = word_tokenizer(
        chat_template="{{ messages | length }}{{ messages[-1].content }}"
    )
    rows = [{"prompt": "Hi", "completion": "Hello"}]
    with pytest.raises(ValueError, match=r"row 0: messages\[1\] cannot be supervised"):
        load(rows, rewriting, template="chat")


def test_an_alpaca_template_refuses_more_than_one_turn():
    messages = [{"role": r, "content": "Hi"} for r in ("user", "assistant") * 2]
    with pytest.raises(ValueError, match="row 0: template='alpaca' holds one user"):
        load([{"messages": messages}], TOKENIZER)


def test_a_row_without_a_request_is_refused():
    with pytest.raises(ValueError, match="one of the keys 'instruction'"):
        render_prompt({"output": "x"}, TOKENIZER)
    with pytest.raises(TypeError, match="row must be a string or a mapping, got int"):
        render_prompt(3, TOKENIZER)
