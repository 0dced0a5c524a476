"""Rows as chat data come: parts, tools, ShareGPT, preference pairs, plain text."""

from __future__ import annotations

import json

import numpy as np
import pytest
from data_tokenizers import byte_tokenizer, word_tokenizer

from vaccine_swift.data import load, render_prompt
from vaccine_swift.data.exchanges import read_exchanges

TOKENIZER = word_tokenizer()
USER, ASSISTANT = [14, 12, 15], [14, 13, 15]
"""< user > and < assistant >"""

TOOL_TEMPLATE = (
    "{% if tools %}T{{ tools | tojson }}\n{% endif %}"
    "{% for m in messages %}<{{ m.role }}> "
    "{% if m.reasoning_content %}[{{ m.reasoning_content }}]{% endif %}"
    "{{ m.content or '' }}"
    "{% for c in m.tool_calls or [] %}"
    "C{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}</s>\n"
    "{% endfor %}{% if add_generation_prompt %}<assistant> {% endif %}"
)


def say(role, content, **fields):
    return {"role": role, "content": content, **fields}


def same(rows, expected, template="chat") -> bool:
    """Whether rows give the ids and labels of other rows."""
    one, other = (load(each, TOKENIZER, template=template) for each in (rows, expected))
    return len(one) == len(other) and all(
        np.array_equal(a.input_ids, b.input_ids) and np.array_equal(a.labels, b.labels)
        for a, b in zip(one, other, strict=True)
    )


HI = [say("user", "Hi"), say("assistant", "Hello")]
PLAIN = [{"prompt": "Hi", "completion": "Hello"}]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": HI},
        {"messages": np.array(HI)},
        {"messages": [say("user", [{"type": "text", "text": "Hi"}]), HI[1]]},
        {"messages": [say("user", ["H", {"type": "text", "text": "i"}]), HI[1]]},
        {"messages": [{**one, "name": None, "tool_calls": None} for one in HI]},
        {"messages": [HI[0], {**HI[1], "tool_calls": []}]},
        {"prompt": HI[:1], "completion": HI[1:]},
        {"prompt": "Hi", "completion": HI[1:]},
        {"prompt": HI[:1], "completion": "Hello"},
        {"conversations": [{"from": "human", "value": "Hi"}, HI[1]]},
        {
            "conversations": [
                {"from": "human", "value": "Hi"},
                {"from": "gpt", "value": "Hello", "weight": 1},
            ]
        },
        {"conversations": HI, "id": "x"},
        {"prompt": "Hi", "chosen": "Hello", "rejected": "Bye"},
        {"prompt": HI[:1], "chosen": HI[1:], "rejected": [say("assistant", "Bye")]},
        {"prompt": "Hi", "chosen": HI, "rejected": [HI[0], say("assistant", "Bye")]},
        {"chosen": HI, "rejected": [HI[0], say("assistant", "Bye")], "messages": HI},
        {"chosen": HI, "rejected": HI},
        {"conversations": HI[:1], "chosen": HI[1], "rejected": say("assistant", "Bye")},
        {
            "chosen": "\n\nHuman: Hi\n\nAssistant: Hello",
            "rejected": "\n\nHuman: Hi\n\nAssistant: Bye",
        },
    ],
)
def test_every_layout_of_one_exchange_gives_the_same_example(row) -> None:
    assert same([row], PLAIN)
    assert same([row], PLAIN, "alpaca")
    for template in ("chat", "alpaca"):
        asked = render_prompt(row, TOKENIZER, template)
        assert load([row], TOKENIZER, template=template).rows[0]["prompt"] == asked
    exchange = {"instruction": "Hi", "input": "", "output": "Hello"}
    assert read_exchanges([row]) == [exchange]


def test_a_conversational_completion_alone_is_learned() -> None:
    row = {
        "prompt": [*HI, say("user", "there")],
        "completion": [say("assistant", "Bye")],
    }
    (example,) = load([row], TOKENIZER, template="chat")
    # < user > Hi </s> < assistant > Hello </s> < user > there </s> < assistant >
    before = [*USER, 3, 2, *ASSISTANT, 4, 2, *USER, 5, 2, *ASSISTANT]
    assert example.input_ids.tolist() == [*before, 16, 2]
    assert example.labels.tolist() == [-100] * len(before) + [16, 2]


def test_of_a_preference_pair_what_both_sides_share_is_not_learned() -> None:
    chosen = [*HI, say("user", "there"), say("assistant", "Bye")]
    rejected = [*HI, say("user", "there"), say("assistant", "Hi")]
    pair = {"chosen": chosen, "rejected": rejected}
    assert same([pair], [{"prompt": chosen[:3], "completion": chosen[3:]}])
    early = {"chosen": chosen, "rejected": [HI[0], say("assistant", "Bye")]}
    assert same([early], [{"messages": chosen}])


def test_a_system_prompt_and_a_history_of_a_row_are_read() -> None:
    row = {
        "instruction": "there",
        "output": "Bye",
        "system": "Hello",
        "history": [["Hi", "Hello"]],
    }
    messages = [say("system", "Hello"), *HI, say("user", "there")]
    messages.append(say("assistant", "Bye"))
    assert same([row], [{"messages": messages}])
    shared = {"conversations": messages[1:], "system": "Hello"}
    assert same([shared], [{"messages": messages}])
    with pytest.raises(ValueError, match="row 0: template='alpaca' holds one user"):
        load([row], TOKENIZER)


def test_plain_text_is_learned_whole_and_ends_once() -> None:
    for template in ("alpaca", "chat"):
        for text in ("Hi there", "<s>Hi there", "Hi there</s>", "Hi there</s>\n"):
            (example,) = load([{"text": text}], TOKENIZER, template=template)
            assert example.input_ids.tolist() == [1, 3, 5, 2]
            assert example.labels.tolist()[1:] == [3, 5, 2]
    row = load([{"text": "Hi", "tag": 1}], TOKENIZER).rows[0]
    assert row == {"prompt": "", "completion": "Hi", "tag": 1}


def test_text_beside_the_columns_of_a_format_is_a_further_column() -> None:
    row = {"instruction": "Hi", "input": "", "output": "Hello", "text": "Bye"}
    dataset = load([row], TOKENIZER)
    assert dataset.report.format == "alpaca"
    assert dataset.rows[0]["text"] == "Bye"


CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
SPELT = {"type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
TOOLS = [{"type": "function", "function": {"name": "add"}}]
BYTE = byte_tokenizer(chat_template=TOOL_TEMPLATE)


@pytest.mark.parametrize(
    "asked",
    [
        say("assistant", None, tool_calls=[CALL]),
        say("assistant", "", tool_calls=[SPELT]),
        {"role": "assistant", "tool_calls": [{"name": "add", "arguments": {"a": 1}}]},
        say("assistant", None, function_call=SPELT["function"]),
        {"from": "function_call", "value": json.dumps(CALL["function"])},
    ],
)
@pytest.mark.parametrize("tools", [TOOLS, json.dumps(TOOLS)])
def test_tool_calls_go_through_the_models_template(asked, tools) -> None:
    result = {"from": "observation", "value": "2"}
    if "from" not in asked:
        result = say("tool", "2", tool_call_id="x")
    messages = [say("user", "1 + 1?"), asked, result, say("assistant", "Two.")]
    rows = [{"messages": messages, "tools": tools}]
    (example,) = load(rows, BYTE, template="chat", max_length=1000)
    learned = [i for i in example.labels.tolist() if i != -100]
    assert BYTE.decode(learned, skip_special_tokens=False) == (
        'Cadd{"a": 1}</s>Two.</s>'
    )
    whole = BYTE.decode(example.input_ids, skip_special_tokens=False)
    assert whole.startswith(f"T{json.dumps(TOOLS)}\n<user> 1 + 1?</s>\n")
    assert "<tool> 2</s>\n" in whole


def byte_rows(row, template):
    return load([row], byte_tokenizer(chat_template=template), template="chat")


SIMPLE = (
    "{% for m in messages %}{% if m.role in ['user', 'assistant'] %}"
    "{{ m.role }}:{{ m.content }}</s>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"messages": HI, "tools": TOOLS}, "'tools'"),
        (
            {"messages": [HI[0], say("assistant", "Wait.", tool_calls=[CALL])]},
            r"messages\[1\]\['tool_calls'\]",
        ),
        (
            {"messages": [HI[0], say("assistant", None, tool_calls=[CALL])]},
            r"messages\[1\]\['tool_calls'\]",
        ),
        (
            {"messages": [HI[0], {"role": "assistant", "tool_calls": [CALL]}]},
            r"messages\[1\]\['tool_calls'\]",
        ),
        (
            {
                "messages": [
                    HI[0],
                    {"role": "assistant", "tool_calls": [CALL], "thinking": "Hm."},
                ]
            },
            r"messages\[1\]\['(tool_calls|thinking)'\]",
        ),
        (
            {"messages": [HI[0], say("assistant", "Wait.", reasoning_content="Hm.")]},
            r"messages\[1\]\['reasoning_content'\]",
        ),
        ({"messages": [say("system", "Be brief."), *HI]}, r"messages\[0\], the sys"),
        ({"messages": [*HI, say("tool", "2"), HI[1]]}, r"messages\[2\], the tool's"),
        ({"messages": [say("developer", "x"), *HI]}, r"messages\[0\], the developer's"),
    ],
)
def test_what_the_template_passes_over_is_refused_by_name(row, what) -> None:
    with pytest.raises(ValueError, match=f"row 0: {what}.* would be lost"):
        byte_rows(row, SIMPLE)
    assert len(byte_rows(row, TOOL_TEMPLATE)) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"messages": HI, "tools": TOOLS},
            "'tools' would be lost in template='alpaca'",
        ),
        (
            {"messages": [HI[0], say("assistant", None, tool_calls=[CALL])]},
            "'tool_calls' would be lost in template='alpaca'",
        ),
        (
            {**PLAIN[0], "chat_template_kwargs": {"enable_thinking": False}},
            "'chat_template_kwargs' would be lost",
        ),
        ({"text": "Hi", "system": "x"}, "have no meaning beside 'text'"),
        ({"messages": HI, "images": ["x.png"]}, "'images' cannot be read"),
        ({"conversations": HI, "image": "x.png"}, "'image' cannot be read"),
        (
            {"messages": [say("user", [{"type": "image"}]), HI[1]]},
            r"\['content'\]\[0\] must be a part of the type 'text', got 'image'",
        ),
        ({"messages": [say("user", [1]), HI[1]]}, r"\['content'\]\[0\] must be a part"),
        ({"messages": [say("user", None), HI[1]]}, "must have the keys 'role' and"),
        ({"conversations": [{"from": "human"}]}, "must have the keys 'from' and 'val"),
        ({"conversations": [{"from": "humn", "value": ""}]}, "must be one of"),
        (
            {"messages": [HI[0], say("assistant", None, tool_calls="add")]},
            r"\['tool_calls'\] must be a list",
        ),
        (
            {"messages": [HI[0], say("assistant", None, tool_calls=[{}])]},
            r"\['tool_calls'\]\[0\] must name a function",
        ),
        (
            {
                "messages": [
                    HI[0],
                    say(
                        "assistant",
                        None,
                        function_call={"name": "add", "arguments": "[1"},
                    ),
                ]
            },
            "the arguments must be a JSON object",
        ),
        ({**PLAIN[0], "tools": "["}, "'tools' is not valid JSON"),
        ({**PLAIN[0], "tools": {"a": 1}}, "'tools' must be a list"),
        ({**PLAIN[0], "chat_template_kwargs": 3}, "'chat_template_kwargs' must be an"),
        (
            {**PLAIN[0], "chat_template_kwargs": {"tools": []}},
            "'chat_template_kwargs' must not hold 'tools'",
        ),
        ({"chosen": "Hi", "rejected": "Bye"}, "'chosen' is a text without a 'prompt'"),
        (
            {"instruction": "Hi", "output": "Hello", "history": ["Hi"]},
            r"history\[0\] must be a pair",
        ),
        ({"prompt": HI[:1], "completion": 3}, "'completion' must be a string, got int"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_place(row, message) -> None:
    with pytest.raises(ValueError, match="row 0: .*" + message):
        load([row], TOKENIZER)


def test_variables_of_a_row_reach_the_template() -> None:
    template = SIMPLE + "{% if add_generation_prompt %}{{ mood }}{% endif %}"
    template = template.replace("{{ m.content }}", "{{ mood or '' }}{{ m.content }}")
    tokenizer = byte_tokenizer(chat_template=template)
    row = {**PLAIN[0], "chat_template_kwargs": {"mood": "calm"}}
    assert render_prompt(row, tokenizer, "chat") == "user:calmHi</s>assistant:calm"


def test_a_preference_pair_is_asked_without_its_other_side() -> None:
    asked = "<user> Hi</s>\n<assistant> "
    for chosen in (HI, "\n\nHuman: Hi\n\nAssistant: Hello"):
        assert render_prompt({"chosen": chosen}, TOKENIZER, "chat") == asked
    with pytest.raises(ValueError, match="'chosen' must be a list of at least one"):
        render_prompt({"chosen": []}, TOKENIZER)
