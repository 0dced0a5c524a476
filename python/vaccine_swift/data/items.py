"""What a row holds, before any template: an exchange, a conversation, or plain text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = ["Conversation", "Exchange", "Item", "PlainText", "as_conversation"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    instruction: str
    input: str
    completion: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages, oldest first, as a chat template takes them.

    Parameters
    ----------
    messages : tuple of dict
        Each with ``role``; ``content`` is text, or left out beside ``tool_calls``.
    supervised : tuple of bool
        For each message, whether it is learned; an assistant's turn only.
    tools : list, optional
        What the assistant may call, as JSON schemas.
    variables : mapping
        Further variables of the chat template.
    """

    messages: tuple[dict[str, Any], ...]
    supervised: tuple[bool, ...]
    tools: list[Any] | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)

    def first(self, count: int) -> Conversation:
        """The conversation up to a message."""
        return Conversation(
            self.messages[:count], self.supervised[:count], self.tools, self.variables
        )

    def until_last_learned(self) -> Conversation:
        """The conversation up to the last message that is learned."""
        learned = [index for index, one in enumerate(self.supervised) if one]
        return self.first(learned[-1] + 1 if learned else 0)


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text to continue; all of it is learned and no template is put around it."""

    text: str


def as_conversation(exchange: Exchange) -> Conversation:
    """A request, with its input below it, and the answer as two messages."""
    request = "\n\n".join(filter(None, (exchange.instruction, exchange.input)))
    return Conversation(
        (
            {"role": "user", "content": request},
            {"role": "assistant", "content": exchange.completion},
        ),
        (False, True),
    )


Item: TypeAlias = Exchange | Conversation | PlainText
