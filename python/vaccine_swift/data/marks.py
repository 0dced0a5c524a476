"""What a row or a message says about being trained on.

OpenAI's files weigh an assistant's message with 0 or 1, axolotl's mark a turn with
``train`` or ``training``, ms-swift's with ``loss``. Each such field is obeyed; those
that mark less than a message, or more than yes and no, are refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vaccine_swift.data.rows import SourceRow

__all__ = ["MESSAGE_MARKS", "as_bool", "message_mark", "row_mark"]

_ROW: Final = ("train", "training", "trainable")
_YES_NO: Final = (*_ROW, "loss")
_WEIGHT: Final = "weight"
_PARTS: Final = (
    *("train_detail", "training_detail", "loss_scale", "loss_mask"),
    *("mask", "masked", "ignore"),
)
_TOKENS: Final = ("input_ids", "completion_mask", "assistant_masks", "loss_mask")
_WORDS: Final = {"true": True, "false": False}

MESSAGE_MARKS: Final = (*_YES_NO, _WEIGHT)
"""Fields of a message that are obeyed, and hidden from the chat template."""


def as_bool(value: object) -> bool | None:
    """A truth value, also as CSV and SQL write it; None for what is none."""
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    if isinstance(value, bool):
        return value
    return bool(value) if isinstance(value, int) and value in (0, 1) else None


def message_mark(message: Mapping[str, Any], place: str) -> bool | None:
    """Whether a message says that it is to be learned; None where it says nothing.

    Raises
    ------
    ValueError
        When a mark is neither yes nor no, or marks parts of the message.
    """
    for name in _PARTS:
        if message.get(name) is not None:
            raise ValueError(
                f"{place}[{name!r}] marks parts of a message, or in a way that "
                "programs read differently; give a message that is not to be learned "
                "'weight': 0"
            )
    marks = [
        _yes_or_no(message[name], f"{place}[{name!r}]")
        for name in MESSAGE_MARKS
        if message.get(name) is not None
    ]
    return all(marks) if marks else None


def row_mark(row: SourceRow) -> str | None:
    """The mark by which a row asks not to be trained on, in words.

    Raises
    ------
    ValueError
        When the row is weighted with another number than 0 and 1, or holds masks of
        tokens.
    """
    for name in _TOKENS:
        if row.values.get(name) is not None:
            raise ValueError(
                f"{row.place}: {name!r} is about tokens, which are made here from the "
                "text; remove the column, and give messages that are not to be learned "
                "'weight': 0"
            )
    for name in _ROW:
        if as_bool(row.values.get(name)) is False:
            return f"{name!r} is false"
    weight = _number(row.values.get(_WEIGHT))
    if weight == 0:
        return f"{_WEIGHT!r} is 0"
    if weight not in (None, 1):
        raise ValueError(
            f"{row.place}: {_WEIGHT!r} must be 0 (left out) or 1, got {weight!r}; "
            "other weights are not implemented"
        )
    return None


def _yes_or_no(value: object, place: str) -> bool:
    number = _number(value)
    found = as_bool(value) if number not in (0, 1) else number == 1
    if found is None:
        raise ValueError(
            f"{place} must say yes or no (true or 1, false or 0), got {value!r:.60}"
        )
    return found


def _number(value: object) -> float | None:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return None
