r"""Templates: a row's texts as the segments that a model reads.

``alpaca`` is the wording of Stanford Alpaca as the authors of Vaccine use it
(github.com/git-disl/Vaccine at 8937f68, ``train.py``): nothing follows
``### Response:``. ``alpaca-newline`` ends in ``### Response:\n``, as Booster and
T-Vaccine have it. ``chat`` is the tokenizer's own chat template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift._arguments import nearest
from vaccine_swift.data.formats import FORMATS, Conversation, Exchange, parse
from vaccine_swift.data.rows import SourceRow

if TYPE_CHECKING:
    from vaccine_swift.tokenizer import Tokenizer

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


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the text, and whether its tokens are learned."""

    text: str
    supervised: bool


def check_template(template: str, tokenizer: Tokenizer) -> None:
    """Refuse an unknown template, or ``chat`` where the tokenizer has none."""
    if template not in TEMPLATES:
        raise ValueError(
            f"template must be one of {', '.join(TEMPLATES)}, got {template!r}."
            f"{nearest(str(template), TEMPLATES)}"
        )
    if template == "chat" and tokenizer.chat_template is None:
        raise ValueError(
            "template='chat' needs a tokenizer with a chat template, got one without; "
            "use template='alpaca'"
        )


def render(
    item: Exchange | Conversation, tokenizer: Tokenizer, template: str, place: str
) -> list[Segment]:
    """Lay a row out as prompt and completion segments, in turn.

    Parameters
    ----------
    item : Exchange or Conversation
        What `formats.parse` gave.
    tokenizer : Tokenizer
        For ``chat`` only.
    template : str
        One of `TEMPLATES`.
    place : str
        The row's place, for messages.

    Returns
    -------
    list of Segment
        Unsupervised and supervised in turn; every assistant turn is supervised up to
        and with its end-of-turn token. Empty when no turn is the assistant's.

    Raises
    ------
    ValueError
        When an Alpaca template meets more than one user and one assistant message, or
        the chat template fails or does not extend its own prompt.
    """
    if template == "chat":
        return _chat_segments(_conversation(item), tokenizer, place)
    if isinstance(item, Conversation) and item.messages[-1]["role"] == "user":
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
    messages = _conversation(item).messages
    if messages[-1]["role"] == "assistant":
        messages = messages[:-1]
    return _apply(tokenizer, messages, "row", generation=True)


def _request(row: str | Mapping[str, Any]) -> Exchange | Conversation:
    if isinstance(row, str):
        row = {"prompt": row}
    if not isinstance(row, Mapping):
        raise TypeError(f"row must be a string or a mapping, got {type(row).__name__}")
    for name, columns in FORMATS.items():
        if columns.required[0] in row:
            blank = dict.fromkeys(columns.required[1:], "")
            return parse(SourceRow({**row, **blank}, "row"), name)
    raise ValueError(
        "row must have one of the keys 'instruction', 'prompt' or 'messages', got "
        f"{list(row)!r}"
    )


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
    texts = [message["content"] for message in item.messages]
    return Exchange(texts[0], "", texts[1] if len(texts) == 2 else "")


def _conversation(item: Exchange | Conversation) -> Conversation:
    if isinstance(item, Conversation):
        return item
    request = "\n\n".join(filter(None, (item.instruction, item.input)))
    return Conversation(
        (
            {"role": "user", "content": request},
            {"role": "assistant", "content": item.completion},
        )
    )


def _chat_segments(
    conversation: Conversation, tokenizer: Tokenizer, place: str
) -> list[Segment]:
    messages = conversation.messages
    segments: list[Segment] = []
    text = ""
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        prompt = _apply(tokenizer, messages[:index], place, generation=True)
        whole = _apply(tokenizer, messages[: index + 1], place, generation=False)
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


def _apply(
    tokenizer: Tokenizer,
    messages: tuple[dict[str, str], ...],
    place: str,
    *,
    generation: bool,
) -> str:
    try:
        return tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=generation
        )
    except ValueError as error:
        raise ValueError(f"{place}: the chat template failed: {error}") from error
