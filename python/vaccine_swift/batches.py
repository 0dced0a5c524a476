"""Examples (token ids with labels) and packed batches of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._plurals import counted

__all__ = ["IGNORED_LABEL", "Batch", "Example"]

IGNORED_LABEL: Final = -100
"""The label of a token that is not supervised, as in transformers."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One tokenised sequence and what to learn from it.

    Parameters
    ----------
    input_ids : sequence of int, shape [T]
        Token ids, each at least 0; at least one. Stored as a read-only int32 array.
    labels : sequence of int, shape [T]
        Aligned with `input_ids` as in transformers: ``labels[t]`` is the token that
        position ``t - 1`` has to predict, or -100 where nothing is asked. The model
        does the shift, and the first label is never used. Read-only int32.

    Raises
    ------
    TypeError
        When a sequence does not hold integers.
    ValueError
        When a sequence is empty, is not one-dimensional, or holds a token below 0;
        when `labels` has another length than `input_ids`.

    Examples
    --------
    >>> example = Example([5, 6, 7], [-100, 6, 7])
    >>> example
    Example(3 tokens, 2 supervised)
    """

    input_ids: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        input_ids = _token_array("input_ids", self.input_ids, ignored=False)
        labels = _token_array("labels", self.labels, ignored=True)
        if input_ids.size == 0:
            raise ValueError("input_ids must hold at least one token, got none")
        if labels.size != input_ids.size:
            raise ValueError(
                f"labels must have the length of input_ids, {input_ids.size}, "
                f"got {labels.size}"
            )
        object.__setattr__(self, "input_ids", input_ids)
        object.__setattr__(self, "labels", labels)

    def __repr__(self) -> str:
        return f"Example({counted(self.tokens, 'token')}, {self.supervised} supervised)"

    @property
    def tokens(self) -> int:
        """Length of the sequence."""
        return int(self.input_ids.size)

    @property
    def supervised(self) -> int:
        """Number of tokens that count in the loss: labels after the first, not -100."""
        return int(np.count_nonzero(self.labels[1:] != IGNORED_LABEL))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Sequences laid end to end; no padding is stored or computed.

    Build it with `pack`.

    Parameters
    ----------
    input_ids : int32 array, shape [T]
        Token ids of all sequences.
    labels : int32 array, shape [T]
        Labels of all sequences, -100 where not supervised.
    offsets : int32 array, shape [B + 1]
        Sequence ``b`` is ``input_ids[offsets[b]:offsets[b + 1]]``.

    Raises
    ------
    TypeError, ValueError
        As `Example` does, and where `offsets` does not start at 0, increase strictly
        and end at T.
    """

    input_ids: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        whole = Example(self.input_ids, self.labels)
        offsets = _token_array("offsets", self.offsets, ignored=False)
        if (
            offsets.size < 2
            or offsets[0] != 0
            or offsets[-1] != whole.tokens
            or np.any(np.diff(offsets) <= 0)
        ):
            raise ValueError(
                f"offsets must start at 0, increase strictly and end at the number of "
                f"tokens, {whole.tokens}, got {offsets.tolist()}"
            )
        object.__setattr__(self, "input_ids", whole.input_ids)
        object.__setattr__(self, "labels", whole.labels)
        object.__setattr__(self, "offsets", offsets)

    @classmethod
    def pack(cls, examples: Iterable[Example]) -> Batch:
        """Lay examples end to end.

        Parameters
        ----------
        examples : iterable of Example
            At least one, in the order that the batch keeps.

        Raises
        ------
        TypeError
            When an element is not an `Example`.
        ValueError
            When there is no example, or more than 2³¹ - 1 tokens.

        Examples
        --------
        >>> batch = Batch.pack([Example([5, 6], [-100, 6]), Example([7], [7])])
        >>> batch
        Batch(2 sequences, 3 tokens, 1 supervised)
        >>> batch.offsets.tolist()
        [0, 2, 3]
        """
        chosen = list(examples)
        if not chosen:
            raise ValueError("examples must hold at least one Example, got none")
        for index, example in enumerate(chosen):
            if not isinstance(example, Example):
                raise TypeError(
                    f"examples[{index}] must be an Example, "
                    f"got {type(example).__name__}"
                )
        ends = np.cumsum([example.tokens for example in chosen], dtype=np.int64)
        return cls(
            np.concatenate([example.input_ids for example in chosen]),
            np.concatenate([example.labels for example in chosen]),
            np.concatenate([np.zeros(1, np.int64), ends]),
        )

    def __repr__(self) -> str:
        return (
            f"Batch({counted(self.sequences, 'sequence')}, "
            f"{counted(self.tokens, 'token')}, {self.supervised} supervised)"
        )

    @property
    def tokens(self) -> int:
        """T, the tokens of all sequences together."""
        return int(self.input_ids.size)

    @property
    def sequences(self) -> int:
        """B, the number of sequences."""
        return int(self.offsets.size) - 1

    @property
    def supervised(self) -> int:
        """Tokens that count in the loss; the first of a sequence is never one."""
        return int(self.supervised_offsets[-1])

    @property
    def supervised_offsets(self) -> npt.NDArray[np.int64]:
        """Supervised tokens before each sequence, and in all: shape [B + 1]."""
        counted = self.labels != IGNORED_LABEL
        counted[self.offsets[:-1]] = False
        return np.concatenate([[0], np.cumsum(counted)])[self.offsets]

    def part(self, sequences: range) -> Batch:
        """Neighbouring sequences as a batch of their own.

        Parameters
        ----------
        sequences : range
            Their numbers, at least one, in steps of 1.
        """
        borders = self.offsets[sequences.start : sequences.stop + 1]
        tokens = slice(borders[0], borders[-1])
        return Batch(self.input_ids[tokens], self.labels[tokens], borders - borders[0])


def _token_array(
    name: str, values: Sequence[int] | npt.NDArray[np.integer], *, ignored: bool
) -> npt.NDArray[np.int32]:
    """`values` as a read-only int32 copy, range checked; -100 passes if `ignored`."""
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError, TypeError) as error:
        raise ValueError(f"{name} must be a sequence of int: {error}") from error
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}")
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, got {array.dtype}")
    wrong = (array < 0) | (array > np.iinfo(np.int32).max)
    if ignored:
        wrong &= array != IGNORED_LABEL
    if wrong.any():
        position = int(np.argmax(wrong))
        expected = "-100 or a token id" if ignored else "at least 0"
        raise ValueError(
            f"{name}[{position}] must be {expected} and below 2**31, "
            f"got {array[position]}"
        )
    if array.dtype == np.int32 and not array.flags.writeable and array.flags.owndata:
        return array
    array = array.astype(np.int32)
    array.flags.writeable = False
    return array
