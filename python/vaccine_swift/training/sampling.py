"""Which examples go into which step: shuffling, micro-batches, the run's length."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._plurals import counted
from vaccine_swift.batches import Batch, Example

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM
    from vaccine_swift.training.arguments import TrainingArguments

__all__ = ["Plan", "Survey", "batches", "check_fits", "largest_in_order"]
__all__ += ["order_of", "survey"]

_LARGEST_COUNT: Final = 20_000_000


@dataclass(frozen=True, eq=False)
class Survey:
    """Lengths and identity of a data set, [N] examples."""

    lengths: npt.NDArray[np.int64]
    """Tokens of each example, shape [N]."""
    largest_token: int
    """Largest token id or label."""
    fingerprint: str
    """BLAKE2b of all lengths, tokens and labels, hexadecimal."""


def survey(name: str, dataset: Sequence[Example]) -> Survey:
    """Read a data set once.

    Raises
    ------
    TypeError
        When it is no sequence, or an element is not an `Example`.
    ValueError
        When it is empty, or an example supervises no token.
    """
    if isinstance(dataset, Mapping) or not hasattr(dataset, "__getitem__"):
        raise TypeError(
            f"{name} must be a sequence of Example, got {type(dataset).__name__}"
        )
    lengths, largest, digest = [], 0, hashlib.blake2b(digest_size=16)
    for index in range(len(dataset)):
        example = dataset[index]
        if not isinstance(example, Example):
            raise TypeError(
                f"{name}[{index}] must be an Example, got {type(example).__name__}"
            )
        if example.supervised == 0:
            raise ValueError(
                f"{name}[{index}] must supervise a token after its first, got labels "
                f"of -100 only"
            )
        lengths.append(example.tokens)
        largest = max(largest, int(example.input_ids.max()), int(example.labels.max()))
        digest.update(example.tokens.to_bytes(8, "little"))
        digest.update(example.input_ids.astype("<i4").tobytes())
        digest.update(example.labels.astype("<i4").tobytes())
    if not lengths:
        raise ValueError(f"{name} must hold at least one Example, got none")
    return Survey(np.array(lengths, np.int64), largest, digest.hexdigest())


def check_fits(name: str, data: Survey, model: CausalLM) -> None:
    """Refuse examples that the model cannot take.

    Raises
    ------
    ValueError
        When an example is longer than the model's context, or a token is beyond its
        vocabulary.
    """
    configuration = model.core.configuration
    context = configuration["context_length"]
    vocabulary = configuration["vocabulary_size"]
    longest = int(np.argmax(data.lengths))
    if data.lengths[longest] > context:
        raise ValueError(
            f"{name}[{longest}] must have at most {counted(context, 'token')}, the "
            f"model's context, got {data.lengths[longest]}"
        )
    if data.largest_token >= vocabulary:
        raise ValueError(
            f"{name} must hold token ids below {vocabulary}, the model's vocabulary, "
            f"got {data.largest_token}"
        )


@dataclass(frozen=True, eq=False)
class Plan:
    """The order of a run: a function of the arguments and the data's size alone.

    Parameters
    ----------
    examples : int
        Size of the data set, ≥ 1.
    batch_size : int
        Examples of a micro-batch.
    accumulation : int
        Micro-batches of a step.
    drop_last : bool
        Leave out an epoch's last micro-batch where it is not full.
    seed : int
        Of the shuffling.
    max_steps : int
        Optimiser steps, where positive; otherwise `epochs` decides.
    epochs : float
        Passes over the data.

    Raises
    ------
    ValueError
        When `drop_last` leaves nothing.
    """

    examples: int
    batch_size: int
    accumulation: int
    drop_last: bool
    seed: int
    max_steps: int
    epochs: float

    def __post_init__(self) -> None:
        if self.micro_batches == 0:
            raise ValueError(
                f"per_device_train_batch_size must be at most the number of examples, "
                f"{self.examples}, with dataloader_drop_last, got {self.batch_size}"
            )

    @classmethod
    def of(cls, args: TrainingArguments, examples: int) -> Plan:
        """The plan that the arguments ask for."""
        return cls(
            examples=examples,
            batch_size=args.per_device_train_batch_size,
            accumulation=args.gradient_accumulation_steps,
            drop_last=args.dataloader_drop_last,
            seed=args.seed if args.data_seed is None else args.data_seed,
            max_steps=args.max_steps,
            epochs=args.num_train_epochs,
        )

    @property
    def micro_batches(self) -> int:
        """Micro-batches of an epoch."""
        whole, rest = divmod(self.examples, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch; the last may have fewer micro-batches."""
        return math.ceil(self.micro_batches / self.accumulation)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the run."""
        if self.max_steps > 0:
            return self.max_steps
        return math.ceil(self.epochs * self.steps_per_epoch)

    @property
    def total_epochs(self) -> int:
        """Epochs that the run begins."""
        return math.ceil(self.total_steps / self.steps_per_epoch)

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """The examples of epoch `epoch` (from 0) in their order, shape [N]."""
        return order_of(self.examples, self.seed, epoch)

    def steps(self, epoch: int) -> Iterator[list[npt.NDArray[np.int64]]]:
        """For each step of an epoch, the indices of each of its micro-batches."""
        order = self.order(epoch)
        step: list[npt.NDArray[np.int64]] = []
        for index in range(self.micro_batches):
            start = index * self.batch_size
            step.append(order[start : start + self.batch_size])
            if len(step) == self.accumulation or index == self.micro_batches - 1:
                yield step
                step = []

    def largest_batch(self, lengths: npt.NDArray[np.int64]) -> int:
        """Tokens of the largest micro-batch of the run.

        Exact where counting is cheap, otherwise the sum of the longest examples.
        """
        longest = int(np.sort(lengths)[-self.batch_size :].sum())
        if self.total_epochs * self.examples > _LARGEST_COUNT:
            return longest
        used = min(self.examples, self.micro_batches * self.batch_size)
        return max(
            largest_in_order(lengths[self.order(epoch)[:used]], self.batch_size)
            for epoch in range(self.total_epochs)
        )


def order_of(count: int, *seed: int) -> npt.NDArray[np.int64]:
    """The numbers from 0 to `count` - 1 in an order that the seeds choose, shape [N].

    Sorts raw 64-bit draws of PCG64, which numpy keeps the same in all its versions.
    """
    draws = np.random.PCG64(list(seed)).random_raw(count)
    return np.argsort(draws, kind="stable")


def largest_in_order(lengths: npt.NDArray[np.int64], size: int) -> int:
    """Tokens of the largest batch when examples are taken `size` at a time."""
    starts = np.arange(0, len(lengths), size)
    return int(np.add.reduceat(lengths, starts).max())


def batches(
    dataset: Sequence[Example], size: int, chosen: range | None = None
) -> Iterator[Batch]:
    """The data set in its own order, `size` examples at a time; chosen batches only."""
    every = range(math.ceil(len(dataset) / size))
    for index in every if chosen is None else chosen:
        start = index * size
        stop = min(start + size, len(dataset))
        yield Batch.pack(dataset[index] for index in range(start, stop))
