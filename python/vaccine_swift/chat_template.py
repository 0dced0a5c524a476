"""Chat templates: jinja2 as transformers sets it up, in a sandbox.

Reference: transformers, ``utils/chat_template_utils.py``.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["render_chat"]


def render_chat(
    template: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    add_generation_prompt: bool,
    tools: Sequence[Any] | None,
    variables: Mapping[str, Any],
) -> str:
    """A conversation as the text that the model was trained on.

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
        When the template is not valid, or refuses the messages.
    """
    if isinstance(messages, (str, Mapping)) or not all(
        isinstance(message, Mapping) for message in messages
    ):
        raise TypeError(
            "messages must be a list of dicts with 'role' and 'content', "
            f"got {messages!r}"
        )
    try:
        return _compiled(template).render(
            messages=messages,
            tools=tools,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **variables,
        )
    except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError) as error:
        raise ValueError(f"chat_template: {error}") from error


class _Generation(Extension):
    """``{% generation %}`` marks the assistant's text; here it only prints it."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@functools.lru_cache(maxsize=8)
def _compiled(template: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = _now
    return environment.from_string(template)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,  # noqa: FBT001, by position in templates
    indent: int | None = None,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _now(form: str) -> str:
    return dt.datetime.now().strftime(form)
