"""The texts of one row, by its format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from vaccine_swift.data.items import (
    Conversation,
    Exchange,
    Item,
    PlainText,
    as_conversation,
)
from vaccine_swift.data.messages import Messages, checked_text, read_messages
from vaccine_swift.data.rows import SourceRow

__all__ = ["parse", "text_field"]

_MEDIA: Final = ("image", "images", "audios", "videos")
_CHATS: Final = ("messages", "sharegpt", "preference", "prompt_completion")
_RESERVED: Final = {"messages", "tools", "documents", "add_generation_prompt"}
_TURN: Final = re.compile(r"\n\n(Human|Assistant):")
_SPEAKERS: Final = {"Human": "user", "Assistant": "assistant"}


def parse(row: SourceRow, name: str) -> Item:
    """Take the texts of one row.

    Parameters
    ----------
    row : SourceRow
        With the required columns of the format.
    name : str
        A key of `vaccine_swift.data.FORMATS`.

    Raises
    ------
    ValueError
        When a text is not a string of valid Unicode, or messages are malformed.
    """
    for column in _MEDIA:
        if name in _CHATS and _present(row.values.get(column)):
            raise ValueError(f"{row.place}: {column!r} cannot be read: only text is")
    return _in_context(_PARSERS[name](row), row)


def text_field(row: SourceRow, key: str) -> str:
    """Give the string under `key`, or say whose field is none."""
    return checked_text(row.values[key], f"{row.place}: {key!r}")


def _alpaca(row: SourceRow) -> Item:
    extension = ""
    if row.values.get("input") is not None:
        extension = text_field(row, "input")
    exchange = Exchange(
        text_field(row, "instruction"), extension, text_field(row, "output")
    )
    history = row.values.get("history")
    if not _present(history):
        return exchange
    last = as_conversation(exchange)
    messages, learned = _earlier_turns(history, row.place)
    return Conversation((*messages, *last.messages), (*learned, *last.supervised))


def _prompt_completion(row: SourceRow) -> Item:
    return _answered(row, "prompt", "completion")


def _beavertails(row: SourceRow) -> Item:
    return Exchange(text_field(row, "prompt"), "", text_field(row, "response"))


def _messages(row: SourceRow) -> Item:
    return Conversation(*read_messages(row.values["messages"], row.place, "messages"))


def _sharegpt(row: SourceRow) -> Item:
    key = "conversations"
    return Conversation(*read_messages(row.values[key], row.place, key))


def _text(row: SourceRow) -> Item:
    return PlainText(text_field(row, "text"))


def _preference(row: SourceRow) -> Item:
    """The chosen side; of what both sides share, nothing is learned."""
    prompt = next((k for k in ("prompt", "conversations") if k in row.values), None)
    chosen = row.values["chosen"]
    if isinstance(chosen, Mapping):
        chosen = [chosen]
    rejected = row.values.get("rejected")
    if isinstance(chosen, str) and prompt is None:
        chosen = _turns(row, "chosen")
        rejected = None if rejected is None else _turns(row, "rejected")
    answer = SourceRow({**row.values, "chosen": chosen}, row.place)
    if isinstance(chosen, str):
        return _answered(answer, prompt or "prompt", "chosen")
    messages, learned = read_messages(chosen, row.place, "chosen")
    if messages[0]["role"] == "assistant" and prompt is not None:
        return _answered(answer, prompt, "chosen")
    shared = 0
    if isinstance(rejected, list | tuple | np.ndarray):
        others, _ = read_messages(rejected, row.place, "rejected")
        while shared < min(len(messages), len(others)) and (
            messages[shared] == others[shared]
        ):
            shared += 1
    if not any(learned[shared:]):
        shared = max((i for i, one in enumerate(learned) if one), default=0)
    return Conversation(
        messages,
        tuple(one and index >= shared for index, one in enumerate(learned)),
    )


def _turns(row: SourceRow, key: str) -> list[dict[str, str]]:
    """Messages of a text in the layout of HH-RLHF."""
    text = text_field(row, key)
    start, *parts = _TURN.split(text)
    if start.strip() or not parts:
        raise ValueError(
            f"{row.place}: {key!r} is a text without a 'prompt' and does not begin "
            r"with '\n\nHuman:'"
        )
    return [
        {"role": _SPEAKERS[who], "content": said.strip()}
        for who, said in zip(parts[::2], parts[1::2], strict=True)
    ]


def _answered(row: SourceRow, request: str, answer: str) -> Item:
    """An exchange of texts; a conversation where either side is messages."""
    if all(isinstance(row.values[key], str) for key in (request, answer)):
        return Exchange(text_field(row, request), "", text_field(row, answer))
    before, _ = _side(row, request, "user")
    after, learned = _side(row, answer, "assistant")
    return Conversation((*before, *after), (*(False for _ in before), *learned))


def _side(row: SourceRow, key: str, role: str) -> Messages:
    value = row.values[key]
    if isinstance(value, list | tuple | np.ndarray):
        return read_messages(value, row.place, key)
    message = {"role": role, "content": text_field(row, key)}
    return (message,), (role == "assistant",)


def _earlier_turns(history: Any, place: str) -> Messages:
    """Pairs of request and answer, as LLaMA-Factory keeps them."""
    messages = []
    for index, pair in enumerate(history):
        if not isinstance(pair, list | tuple | np.ndarray) or len(pair) != 2:
            raise ValueError(
                f"{place}: history[{index}] must be a pair of request and answer, got "
                f"{pair!r:.60}"
            )
        messages += [
            {"role": role, "content": said}
            for role, said in zip(("user", "assistant"), pair, strict=True)
        ]
    return read_messages(messages, place, "history")


def _in_context(item: Item, row: SourceRow) -> Item:
    """The item with the row's system prompt, tools and variables of the template."""
    system, tools = row.values.get("system"), _tools(row)
    variables = row.values.get("chat_template_kwargs")
    if not (_present(system) or tools or _present(variables)):
        return item
    if isinstance(item, PlainText):
        raise ValueError(
            f"{row.place}: 'system', 'tools' and 'chat_template_kwargs' have no "
            "meaning beside 'text'"
        )
    if isinstance(item, Exchange):
        item = as_conversation(item)
    if _present(variables):
        if not isinstance(variables, Mapping):
            raise ValueError(f"{row.place}: 'chat_template_kwargs' must be an object")
        if taken := sorted(_RESERVED.intersection(variables)):
            raise ValueError(
                f"{row.place}: 'chat_template_kwargs' must not hold {taken[0]!r}"
            )
        item = replace(item, variables=dict(variables))
    if _present(system):
        first = {"role": "system", "content": text_field(row, "system")}
        item = replace(
            item,
            messages=(first, *item.messages),
            supervised=(False, *item.supervised),
        )
    return replace(item, tools=tools)


def _tools(row: SourceRow) -> list[Any] | None:
    tools = row.values.get("tools")
    if isinstance(tools, str) and tools.strip():
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            raise ValueError(f"{row.place}: 'tools' is not valid JSON") from None
    if isinstance(tools, np.ndarray):
        tools = tools.tolist()
    if not tools:
        return None
    if not isinstance(tools, list | tuple):
        raise ValueError(f"{row.place}: 'tools' must be a list, got {tools!r:.60}")
    return list(tools)


def _present(value: Any) -> bool:
    return value is not None and (not hasattr(value, "__len__") or len(value) > 0)


_PARSERS: Final[dict[str, Callable[[SourceRow], Item]]] = {
    "alpaca": _alpaca,
    "prompt_completion": _prompt_completion,
    "messages": _messages,
    "beavertails": _beavertails,
    "sharegpt": _sharegpt,
    "preference": _preference,
    "text": _text,
}
