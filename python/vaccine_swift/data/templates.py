r"""Templates: a row's texts as the segments that a model reads.

``alpaca`` is the wording of Stanford Alpaca as the authors of Vaccine use it
(github.com/git-disl/Vaccine at 8937f68, ``train.py``): nothing follows
``### Response:``. ``alpaca-newline`` ends in ``### Response:\n``, as Booster and
T-Vaccine have it. ``chat`` is the tokenizer's own chat template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift._arguments import check_word
from vaccine_swift.data.chat_segments import (
    FIELDS,
    apply_template,
    chat_segments,
    check_rendered,
)
from vaccine_swift.data.formats import FORMATS, matching_formats
from vaccine_swift.data.items import (
    Conversation,
    Exchange,
    Item,
    PlainText,
    as_conversation,
)
from vaccine_swift.data.parsing import parse
from vaccine_swift.data.rows import SourceRow
from vaccine_swift.data.segments import Segment

if TYPE_CHECKING:
    from vaccine_swift.text.tokenizer import Tokenizer

__all__ = ["TEMPLATES", "Segment", "check_template", "render", "render_prompt"]

TEMPLATES: Final = ("alpaca", "alpaca-newline", "chat")
"""Names of the templates."""

_WITH_INPUT: Final = (
    "Below is an instruction that describes a task, paired with an input that provides "
    "further context. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:"
)
_WITHOUT_INPUT: Final = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Response:"
)


def check_template(template: str, tokenizer: Tokenizer) -> None:
    """Refuse an unknown template, or ``chat`` where the tokenizer has none."""
    check_word("template", template, TEMPLATES)
    if template == "chat" and tokenizer.chat_template is None:
        raise ValueError(
            "template='chat' needs a tokenizer with a chat template, got one without; "
            "use template='alpaca'"
        )


def render(
    item: Item, tokenizer: Tokenizer, template: str, place: str
) -> list[Segment]:
    """Lay a row out as prompt and completion segments, in turn.

    Parameters
    ----------
    item : Exchange, Conversation or PlainText
        What `parsing.parse` gave.
    tokenizer : Tokenizer
        For ``chat`` only.
    template : str
        One of `TEMPLATES`.
    place : str
        The row's place, for messages.

    Returns
    -------
    list of Segment
        Unsupervised and supervised in turn; an assistant turn that is learned is
        supervised up to and with its end-of-turn token. Empty when none is.

    Raises
    ------
    ValueError
        When an Alpaca template meets more than one user and one assistant message, or
        the chat template fails, does not extend its own prompt, or passes over a part.
    """
    if isinstance(item, PlainText):
        return [
            Segment("", supervised=False),
            Segment(_ended_once(item.text, tokenizer), supervised=True),
        ]
    if template == "chat":
        return chat_segments(_conversation(item), tokenizer, place)
    if isinstance(item, Conversation):
        item = item.until_last_learned()
        if not item.messages:
            return []
    exchange = _exchange(item, template, place)
    return [
        Segment(_alpaca_prompt(exchange, template), supervised=False),
        Segment(exchange.completion, supervised=True),
    ]


def render_prompt(
    row: str | Mapping[str, Any], tokenizer: Tokenizer, template: str = "alpaca"
) -> str:
    """Give the text after which a model has to answer.

    It is the text that `load` leaves unsupervised for the same row, so that a model is
    asked as it was trained.

    Parameters
    ----------
    row : str or mapping
        A bare request, or a row of any format that `load` takes, with or without its
        answer. Of messages, those before the last assistant turn count if that is the
        final one.
    tokenizer : Tokenizer
        Its chat template is used by ``chat``.
    template : {"alpaca", "alpaca-newline", "chat"}
        How the prompt is put into words.

    Raises
    ------
    TypeError
        When `row` is neither a string nor a mapping.
    ValueError
        When the template is unknown, or the row has no request.

    Examples
    --------
    >>> print(render_prompt("Name a prime number.", tokenizer))  # doctest: +SKIP
    Below is an instruction that describes a task. Write a response that appropriately \
completes the request.
    <BLANKLINE>
    ### Instruction:
    Name a prime number.
    <BLANKLINE>
    ### Response:
    """
    check_template(template, tokenizer)
    item = _request(row)
    if template != "chat":
        return _alpaca_prompt(_exchange(item, template, "row"), template)
    conversation = _conversation(item)
    if conversation.messages[-1]["role"] == "assistant":
        conversation = conversation.first(len(conversation.messages) - 1)
    check_rendered(conversation, tokenizer, "row")
    return apply_template(conversation, tokenizer, "row", generation=True)


def _request(row: str | Mapping[str, Any]) -> Exchange | Conversation:
    if isinstance(row, str):
        row = {"prompt": row}
    if not isinstance(row, Mapping):
        raise TypeError(f"row must be a string or a mapping, got {type(row).__name__}")
    whole = matching_formats(SourceRow(row, "row"))
    started = [name for name in FORMATS if FORMATS[name].required[0] in row]
    for name in (*whole, *started):
        answers = FORMATS[name].required[1:]
        if name != "preference":
            row = {**row, **{key: _blank(row.get(key)) for key in answers}}
        item = parse(SourceRow(row, "row"), name)
        if not isinstance(item, PlainText):
            return item
    raise ValueError(
        "row must have one of the keys 'instruction', 'prompt', 'messages', "
        f"'conversations' or 'chosen', got {list(row)!r}"
    )


def _blank(answer: object) -> object:
    """In place of an answer that is not looked at; messages among it may be asked."""
    return answer if isinstance(answer, list | tuple) else ""


def _ended_once(text: str, tokenizer: Tokenizer) -> str:
    """A text without what follows an end token that it closes with."""
    bare = text.rstrip()
    return bare if bare.endswith(tokenizer.end_tokens) else text


def _alpaca_prompt(exchange: Exchange, template: str) -> str:
    wording = _WITH_INPUT if exchange.input else _WITHOUT_INPUT
    text = wording.format(instruction=exchange.instruction, input=exchange.input)
    return text + "\n" if template == "alpaca-newline" else text


def _exchange(item: Exchange | Conversation, template: str, place: str) -> Exchange:
    if isinstance(item, Exchange):
        return item
    roles = [message["role"] for message in item.messages]
    if roles not in (["user"], ["user", "assistant"]):
        raise ValueError(
            f"{place}: template={template!r} holds one user and one assistant message, "
            f"got the roles {roles}; use template='chat'"
        )
    lost = [name for name in FIELDS if any(one.get(name) for one in item.messages)]
    lost += ["tools"] * bool(item.tools)
    lost += ["chat_template_kwargs"] * bool(item.variables)
    if lost:
        raise ValueError(
            f"{place}: {lost[0]!r} would be lost in template={template!r}; use "
            "template='chat'"
        )
    texts = [message["content"] for message in item.messages]
    return Exchange(texts[0], "", texts[1] if len(texts) == 2 else "")


def _conversation(item: Exchange | Conversation) -> Conversation:
    return item if isinstance(item, Conversation) else as_conversation(item)
