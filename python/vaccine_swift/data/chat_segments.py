"""Conversations in the model's own chat template, and a check that nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vaccine_swift.data.items import Conversation
from vaccine_swift.data.segments import Segment

if TYPE_CHECKING:
    from vaccine_swift.text.tokenizer import Tokenizer

__all__ = ["FIELDS", "apply_template", "chat_segments", "check_rendered"]

FIELDS: Final = ("tool_calls", "reasoning_content", "reasoning", "thinking")
"""What a message may say beside its content."""

_FRAMING: Final = ("system", "developer", "tool")
"""Roles whose messages some templates pass over."""


def chat_segments(
    conversation: Conversation, tokenizer: Tokenizer, place: str
) -> list[Segment]:
    """Prompts and answers in turn, up to the last answer that is learned.

    Raises
    ------
    ValueError
        When the template fails, does not extend its own prompt, or passes over a part
        of the conversation.
    """
    conversation = conversation.until_last_learned()
    check_rendered(conversation, tokenizer, place)
    segments: list[Segment] = []
    text = ""
    for index, learned in enumerate(conversation.supervised):
        if not learned:
            continue
        prompt = apply_template(
            conversation.first(index), tokenizer, place, generation=True
        )
        whole = apply_template(
            conversation.first(index + 1), tokenizer, place, generation=False
        )
        if not (prompt.startswith(text) and whole.startswith(prompt)):
            raise ValueError(
                f"{place}: messages[{index}] cannot be supervised, because the chat "
                "template does not render it as a continuation of its prompt"
            )
        answer = whole[len(prompt) :]
        # What follows the end of the turn belongs to the next prompt.
        ends = [
            answer.rindex(token) + len(token)
            for token in tokenizer.end_tokens
            if token in answer
        ]
        answer = answer[: max(ends, default=None)]
        segments.append(Segment(prompt[len(text) :], supervised=False))
        segments.append(Segment(answer, supervised=True))
        text = prompt + answer
    return segments


def check_rendered(
    conversation: Conversation, tokenizer: Tokenizer, place: str
) -> None:
    """Refuse a conversation of which the template passes something over.

    Tools, tool calls, reasoning, and the messages of system and tools are each left out
    in turn: the text must change, or the template must refuse.

    Raises
    ------
    ValueError
        Names what is not rendered.
    """
    messages = conversation.messages
    answers = [i for i, one in enumerate(messages) if one["role"] == "assistant"]
    for index, message in enumerate(messages):
        end = next((i + 1 for i in answers if i >= index), len(messages))
        whole = conversation.first(end)
        for name in FIELDS:
            if message.get(name):
                bare = {key: value for key, value in message.items() if key != name}
                what = f"messages[{index}][{name!r}]"
                # No content may be rendered as a word of its own.
                for content in {bare.get("content"), bare.get("content") or ""}:
                    said = bare | {"content": content}
                    rest = (*messages[:index], said, *messages[index + 1 : end])
                    less = replace(whole, messages=rest)
                    _compare(whole, less, tokenizer, place, what)
        if message["role"] in _FRAMING and message.get("content"):
            rest = (*messages[:index], *messages[index + 1 : end])
            less = replace(whole, messages=rest)
            what = f"messages[{index}], the {message['role']}'s,"
            _compare(whole, less, tokenizer, place, what)
    if conversation.tools:
        less = replace(conversation, tools=None)
        _compare(conversation, less, tokenizer, place, "'tools'")


def _compare(
    whole: Conversation, less: Conversation, tokenizer: Tokenizer, place: str, what: str
) -> None:
    text = apply_template(whole, tokenizer, place, generation=False)
    try:
        other = apply_template(less, tokenizer, place, generation=False)
    except ValueError:
        return
    if text == other:
        raise ValueError(
            f"{place}: {what} would be lost: the model's chat template does not render "
            "it"
        )


def apply_template(
    conversation: Conversation, tokenizer: Tokenizer, place: str, *, generation: bool
) -> str:
    """The text of a conversation; a failure names the row.

    Raises
    ------
    ValueError
        When the template fails.
    """
    try:
        return tokenizer.apply_chat_template(
            conversation.messages,
            add_generation_prompt=generation,
            tools=conversation.tools,
            **conversation.variables,
        )
    except ValueError as error:
        raise ValueError(f"{place}: the chat template failed: {error}") from error
