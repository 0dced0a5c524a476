"""Chat templates, rendered apart within bounds of time and size.

Reference: transformers, ``utils/chat_template_utils.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vaccine_swift.files.plain_json import plain
from vaccine_swift.machine.bounded_process import BoundedProcess, Unanswered

__all__ = ["SECONDS", "named_templates", "render_chat"]

SECONDS: Final = 10
"""Longest time of one rendering, of the processor."""

_WORKER: Final = BoundedProcess(Path(__file__).with_name("chat_template_worker.py"))
_REASONING: Final = ("reasoning_content", "thinking", "reasoning")


def named_templates(templates: object) -> dict[str, str]:
    """The templates of a tokeniser's configuration by name; a single one is "default".

    Raises
    ------
    ValueError
        When the default or the one for tools is no string.
    """
    if isinstance(templates, list):
        templates = {
            entry.get("name"): entry.get("template")
            for entry in templates
            if isinstance(entry, Mapping)
        }
    if not isinstance(templates, Mapping):
        templates = {"default": templates}
    named = {str(name): text for name, text in templates.items() if text is not None}
    for name in ("default", "tool_use"):
        if not isinstance(named.get(name, ""), str):
            raise ValueError(f"chat_template must be a string, got {named[name]!r}")
    return {name: text for name, text in named.items() if isinstance(text, str)}


def render_chat(
    template: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    add_generation_prompt: bool,
    tools: Sequence[Any] | None,
    variables: Mapping[str, Any],
) -> str:
    """A conversation as the text that the model was trained on.

    The template runs in a process of its own, which has 10 s of the processor, 1 GiB of
    memory and 67 million characters at most.

    Parameters
    ----------
    template : str
        Jinja source.
    messages : sequence of mapping
        Each with ``role`` and ``content``.
    add_generation_prompt : bool
        Whether the text ends with the opening of an assistant's turn.
    tools : sequence or None
        What the assistant may call, as JSON schemas.
    variables : mapping
        ``bos_token``, ``eos_token``, … and what else the template asks for.

    Raises
    ------
    TypeError
        When `messages` is no sequence of mappings.
    ValueError
        When the template is not valid, refuses the messages, or exceeds a bound.
    OSError
        When no process can be started.
    """
    if isinstance(messages, (str, Mapping)) or not all(
        isinstance(message, Mapping) for message in messages
    ):
        raise TypeError(
            "messages must be a list of dicts with 'role' and 'content', "
            f"got {messages!r}"
        )
    given = {
        "messages": [_with_reasoning(message) for message in messages],
        "tools": tools,
        "documents": None,
        "add_generation_prompt": add_generation_prompt,
    }
    request = {"template": template, "variables": plain({**variables, **given})}
    try:
        text: str = _WORKER.ask(request, seconds=SECONDS)
    except Unanswered as reason:
        raise ValueError(f"chat_template: {reason}") from None
    return text


def _with_reasoning(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message whose reasoning has all the names that templates know it by."""
    given = [message[name] for name in _REASONING if message.get(name) is not None]
    if not given:
        return dict(message)
    return {"thinking": given[0], **message, "reasoning_content": given[0]}
