"""Tokens and labels of segments.

The prompt is tokenised by itself, because that is how a model meets it when it has to
answer, and its tokens always begin the sequence. What follows keeps the tokens that it
has when prompt and completion are tokenised together, as in the authors' code. Where
the two would merge into one token at the boundary, the completion is tokenised by
itself instead, so no label is ever half prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vaccine_swift.batches import IGNORED_LABEL, Example
from vaccine_swift.data.segments import Segment

if TYPE_CHECKING:
    from vaccine_swift.text.tokenizer import Tokenizer

__all__ = ["Encoded", "encode", "joint_tokens"]


class Encoded(NamedTuple):
    """An example and how long it was before it was cut.

    Parameters
    ----------
    example : Example or None
        ``labels`` equal ``input_ids`` on supervised segments and are -100 elsewhere.
        None when no label is left that a model could be asked for.
    length : int
        Tokens of the whole text, its end included.
    """

    example: Example | None
    length: int


def encode(
    segments: Sequence[Segment],
    tokenizer: Tokenizer,
    *,
    max_length: int,
    add_special_tokens: bool,
) -> Encoded:
    """Tokenise segments, append EOS where no end token stands, and cut.

    Parameters
    ----------
    segments : sequence of Segment
        Text in order.
    tokenizer : Tokenizer
        With an end-of-sequence token.
    max_length : int
        Most tokens that are kept, from the start; at least 2.
    add_special_tokens : bool
        Let the tokenizer begin the sequence with its own token. False where the text
        already spells the special tokens out.

    Raises
    ------
    ValueError
        When the tokenizer has no end-of-sequence token.
    """
    end = tokenizer.eos_token_id
    if end is None:
        raise ValueError("tokenizer must have an end-of-sequence token, got none")
    ids, labels = joint_tokens(
        segments, tokenizer, add_special_tokens=add_special_tokens
    )
    if labels and labels[-1] not in tokenizer.end_token_ids:
        ids.append(end)
        labels.append(end)
    if all(label == IGNORED_LABEL for label in labels[1:max_length]):
        return Encoded(None, len(ids))
    kept = (np.array(values[:max_length], np.int32) for values in (ids, labels))
    return Encoded(Example(*kept), len(ids))


def joint_tokens(
    segments: Sequence[Segment], tokenizer: Tokenizer, *, add_special_tokens: bool
) -> tuple[list[int], list[int]]:
    """Tokens of segments end to end, and their labels.

    Parameters
    ----------
    segments, tokenizer, add_special_tokens
        As in `encode`.

    Returns
    -------
    ids, labels : list of int
        Equal on supervised segments; labels are -100 elsewhere.
    """
    ids: list[int] = []
    labels: list[int] = []
    text = ""
    for segment in segments:
        text += segment.text
        joint = tokenizer.encode_prompt(text, add_special_tokens=add_special_tokens)
        if joint[: len(ids)] == ids:
            piece = joint[len(ids) :]
        else:
            piece = tokenizer.encode_prompt(segment.text, add_special_tokens=False)
        ids += piece
        labels += piece if segment.supervised else [IGNORED_LABEL] * len(piece)
    return ids, labels
