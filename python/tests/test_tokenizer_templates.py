"""Conversations as texts, by the tokeniser's chat template."""

from __future__ import annotations

from typing import Any

import checkpoint_files as files
import pytest
from gguf_tokenizers import CHAT, CHATML, tokenizer

import vaccine_swift as vs


def chat(template: Any, messages: Any = CHAT, **options: Any) -> str:
    metadata = files.tokenizer_metadata() | {"tokenizer.chat_template": template}
    return vs.Tokenizer.from_gguf(metadata).apply_chat_template(messages, **options)


def test_a_generation_prompt_opens_the_assistants_turn() -> None:
    assert chat(CHATML, add_generation_prompt=True).endswith(
        "<end>\n<start>assistant\n"
    )


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ bos_token }}|{{ eos_token }}", "<start>|<end>"),
        (
            "{% for m in messages %}\n  {% if true %}\nx\n  {% endif %}\n{% endfor %}",
            "x\n",
        ),
        ("{{ messages | tojson }}", '[{"role": "user", "content": "hello"}]'),
        ("{% generation %}a{% endgeneration %}b", "ab"),
        ("{% for i in [1, 2] %}{{ i }}{% break %}{% endfor %}", "1"),
        ("{{ strftime_now('%Y') | length }}", "4"),
    ],
)
def test_templates_are_rendered_as_transformers_does(
    template: str, expected: str
) -> None:
    assert chat(template) == expected


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{% if %}", "chat_template"),
        ("{{ messages.append(1) }}", "chat_template"),
        ("{{ messages.__class__.__mro__ }}", "chat_template"),
        ("{{ messages[5].content + 'x' }}", "chat_template"),
        ("{{ 1 / 0 }}", "chat_template"),
    ],
)
def test_a_template_that_refuses_or_misbehaves_is_a_value_error(
    template: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        chat(template)


def test_messages_must_be_a_list_of_dicts_and_a_template_must_be_there() -> None:
    for messages in ("hello", {"role": "user"}, ["hello"]):
        with pytest.raises(TypeError, match="messages must be a list of dicts"):
            chat(CHATML, messages)
    with pytest.raises(ValueError, match="chat_template"):
        tokenizer().apply_chat_template(CHAT)
