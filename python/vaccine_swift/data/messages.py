"""Lists of messages as files have them: OpenAI's, ShareGPT's, with parts and tools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from vaccine_swift._arguments import check_word
from vaccine_swift.data.marks import MESSAGE_MARKS, message_mark

__all__ = ["Messages", "checked_text", "read_messages"]

Messages = tuple[tuple[dict[str, Any], ...], tuple[bool, ...]]
"""Messages, and whether each is learned."""

_ROLES: Final = ("system", "developer", "user", "assistant", "tool")
_SHAREGPT: Final = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "observation": "tool",
    "function_response": "tool",
}
_CALL: Final = "function_call"
_SPEAKERS: Final = (*_SHAREGPT, _CALL, *_ROLES)
_OTHER_MEDIA: Final = ("image", "images", "audio", "audios", "video", "videos")


def read_messages(value: object, row: str, key: str) -> Messages:
    """Bring a list of messages into the form of chat templates.

    Parameters
    ----------
    value : sequence of mapping
        Each with ``role`` and ``content`` or, as in ShareGPT, ``from`` and ``value``.
        The content is text, or a list of parts of text.
    row, key : str
        The row's place and the column, for messages.

    Returns
    -------
    Messages
        Assistant's turns are learned unless they are marked otherwise. Marks and empty
        fields are taken out, arguments of tool calls are objects.

    Raises
    ------
    ValueError
        When something is no message, holds what is not text, or is marked to be learned
        and is not the assistant's; names the place.
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        raise ValueError(
            f"{row}: {key!r} must be a list of at least one message, got {value!r:.60}"
        )
    places = [f"{row}: {key}[{index}]" for index in range(len(value))]
    read = [_message(one, place) for one, place in zip(value, places, strict=True)]
    return tuple(message for message, _ in read), tuple(learned for _, learned in read)


def _message(value: object, place: str) -> tuple[dict[str, Any], bool]:
    if not isinstance(value, Mapping):
        raise ValueError(
            f"{place} must have the keys 'role' and 'content', got {value!r:.60}"
        )
    fields = {name: field for name, field in value.items() if field is not None}
    if "from" in fields and "role" not in fields:
        fields = _from_sharegpt(fields, place)
    if _CALL in fields:
        fields["tool_calls"] = [{"type": "function", "function": fields.pop(_CALL)}]
    if fields.get("tool_calls") == []:
        del fields["tool_calls"]
    if "role" not in fields or not {"content", "tool_calls"} & set(fields):
        raise ValueError(
            f"{place} must have the keys 'role' and 'content', got {value!r:.60}"
        )
    check_word(f"{place}['role']", fields["role"], _ROLES)
    for name in _OTHER_MEDIA:
        if fields.get(name):
            raise ValueError(f"{place}[{name!r}] cannot be read: only text is")
    learned = message_mark(fields, place)
    if learned and fields["role"] != "assistant":
        raise ValueError(
            f"{place} is marked to be learned, but is the {fields['role']}'s; only "
            "turns of the assistant are learned"
        )
    message = {name: fields[name] for name in fields if name not in MESSAGE_MARKS}
    if "content" in message:
        message["content"] = _content(message["content"], f"{place}['content']")
    elif "content" in value:
        message["content"] = None
    if "tool_calls" in message:
        message["tool_calls"] = _calls(message["tool_calls"], f"{place}['tool_calls']")
    return message, fields["role"] == "assistant" and learned is not False


def _from_sharegpt(fields: dict[str, Any], place: str) -> dict[str, Any]:
    if "value" not in fields:
        raise ValueError(
            f"{place} must have the keys 'from' and 'value', got {dict(fields)!r:.60}"
        )
    check_word(f"{place}['from']", fields["from"], _SPEAKERS)
    others = {n: field for n, field in fields.items() if n not in ("from", "value")}
    speaker, said = fields["from"], fields["value"]
    if speaker == _CALL:
        call = _parsed(said, f"{place}['value']")
        return {**others, "role": "assistant", _CALL: call}
    return {**others, "role": _SHAREGPT.get(speaker, speaker), "content": said}


def _content(content: Any, place: str) -> str:
    """Text, or the texts of parts one after another."""
    if isinstance(content, np.ndarray):
        content = content.tolist()
    if not isinstance(content, list | tuple):
        return checked_text(content, place)
    texts = []
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind != "text" and not isinstance(part, str):
            raise ValueError(
                f"{place}[{index}] must be a part of the type 'text', got {kind!r}: "
                "only text is read"
            )
        text = part if isinstance(part, str) else part.get("text")
        texts.append(checked_text(text, f"{place}[{index}]['text']"))
    return "".join(texts)


def _calls(calls: Any, place: str) -> list[dict[str, Any]]:
    """Tool calls whose arguments are objects, as chat templates expect them."""
    if isinstance(calls, np.ndarray):
        calls = calls.tolist()
    if not isinstance(calls, list | tuple):
        raise ValueError(f"{place} must be a list, got {calls!r:.60}")
    return [_call(call, f"{place}[{index}]") for index, call in enumerate(calls)]


def _call(call: Any, place: str) -> dict[str, Any]:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise ValueError(f"{place} must name a function, got {call!r:.60}")
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        arguments = _parsed(arguments, f"{place}: the arguments")
    outer = {"type": "function"} if function is call else call
    return {**outer, "function": {**function, "arguments": arguments or {}}}


def _parsed(text: Any, place: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ValueError(f"{place} must be a JSON object, got {text!r:.60}")
    return value


def checked_text(value: Any, place: str) -> str:
    """A string of valid Unicode.

    Raises
    ------
    ValueError
        When it is none; names the place.
    """
    if not isinstance(value, str):
        raise ValueError(f"{place} must be a string, got {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{place} must be valid Unicode, got a lone surrogate at character "
            f"{error.start}"
        ) from None
    return value
