"""Data streams beside the training rows, and what a method keeps between steps."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from vaccine_swift.batches import Batch, Example
from vaccine_swift.engines import Vector
from vaccine_swift.files import write_tensors
from vaccine_swift.training.sampling import (
    check_fits,
    largest_in_order,
    order_of,
    survey,
)

if TYPE_CHECKING:
    from vaccine_swift.methods import Method
    from vaccine_swift.models import CausalLM

__all__ = ["FILE", "MethodState", "Stream", "check_streams"]

FILE: Final = "method.safetensors"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_STREAM, _STATE = "stream.", "state."


class Stream:
    """Batches of a data set in a shuffled order, epoch after epoch without an end.

    Parameters
    ----------
    name : str
        The order depends on it, so that streams over the same rows differ.
    dataset : sequence of Example
        As a training set.
    batch_size : int
        Examples of a batch; an epoch's last has those that are left.
    seed : int
        Of the shuffling.
    """

    def __init__(
        self, name: str, dataset: Sequence[Example], batch_size: int, seed: int
    ) -> None:
        self.name = name
        self.survey = survey(f"streams[{name!r}]", dataset)
        self.taken = 0
        self._dataset = dataset
        self._batch_size = batch_size
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        self._seed = [seed, int.from_bytes(digest, "little")]
        self._order: tuple[int, npt.NDArray[np.int64]] | None = None

    def __call__(self) -> Batch:
        """The next batch."""
        epoch, place = divmod(self.taken, self._batches)
        start = place * self._batch_size
        chosen = self._order_of(epoch)[start : start + self._batch_size]
        self.taken += 1
        return Batch.pack(self._dataset[int(index)] for index in chosen)

    @property
    def identity(self) -> dict[str, Any]:
        """What a resumed run may not change."""
        return {
            "length": len(self.survey.lengths),
            "fingerprint": self.survey.fingerprint,
        }

    def largest_batch(self) -> int:
        """No batch has more tokens."""
        longest = np.sort(self.survey.lengths)[::-1]
        return largest_in_order(longest, self._batch_size)

    @property
    def _batches(self) -> int:
        return math.ceil(len(self.survey.lengths) / self._batch_size)

    def _order_of(self, epoch: int) -> npt.NDArray[np.int64]:
        if self._order is None or self._order[0] != epoch:
            order = order_of(len(self.survey.lengths), *self._seed, epoch)
            self._order = (epoch, order)
        return self._order[1]


class MethodState:
    """The streams of a run, and what its method keeps from step to step.

    Parameters
    ----------
    streams : iterable of Stream
        One for each name that the method reads.
    """

    def __init__(self, streams: Iterable[Stream]) -> None:
        self.streams = {stream.name: stream for stream in streams}
        self.values: dict[str, Any] = {}

    @property
    def sources(self) -> Mapping[str, Callable[[], Batch]]:
        """For each stream, what gives its next batch."""
        return self.streams

    @property
    def identity(self) -> dict[str, Any]:
        """For each stream, what a resumed run may not change."""
        return {
            f"streams[{name!r}] ({what})": value
            for name, stream in self.streams.items()
            for what, value in stream.identity.items()
        }

    def save(self, directory: Path) -> None:
        """Write how far the streams are and what is kept; no file if there is nothing.

        Raises
        ------
        TypeError
            When the method keeps something that is neither a numeric array nor a
            vector.
        """
        tensors: dict[str, npt.NDArray[Any]] = {
            f"{_STREAM}{name}": np.array(stream.taken, np.int64)
            for name, stream in self.streams.items()
        }
        for name, value in self.values.items():
            array = value.numpy() if isinstance(value, Vector) else np.asarray(value)
            if array.dtype.kind not in "biuf":
                raise TypeError(
                    f"a method's state must hold numeric arrays and vectors, got "
                    f"{type(value).__name__} under {name!r}"
                )
            tensors[f"{_STATE}{name}"] = array
        if tensors:
            write_tensors(directory / FILE, tensors, {})

    def load(self, directory: Path) -> None:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            When the file is damaged, or of other streams.
        """
        path = directory / FILE
        try:
            tensors = load_file(path) if path.is_file() else {}
            taken = {
                name: int(tensors[f"{_STREAM}{name}"].item()) for name in self.streams
            }
            if any(not 0 <= count < 2**53 for count in taken.values()):
                raise ValueError("a stream's count is out of range")
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"{path} is no state of the method: {error}") from error
        for name, count in taken.items():
            self.streams[name].taken = count
        self.values = {
            name.removeprefix(_STATE): value
            for name, value in tensors.items()
            if name.startswith(_STATE)
        }

    def check(self, model: CausalLM) -> None:
        """Refuse streams with examples that the model cannot take."""
        for name, stream in self.streams.items():
            check_fits(f"streams[{name!r}]", stream.survey, model)


def check_streams(
    method: Method, streams: Mapping[str, Sequence[Example]] | None
) -> dict[str, Sequence[Example]]:
    """The streams that a method reads, one data set for each.

    Raises
    ------
    TypeError
        When `streams` is no mapping of names.
    ValueError
        When one is missing, or the method does not read one.
    """
    given = {} if streams is None else streams
    if not isinstance(given, Mapping):
        raise TypeError(
            f"streams must map names to data sets, got {type(given).__name__}"
        )
    for name in given:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(
                f"streams must have names of letters, digits, - and _, got {name!r}"
            )
        if name not in method.streams:
            reads = ", ".join(method.streams) or "none"
            raise ValueError(
                f"streams: {method.name} reads {reads}, got a stream {name!r}"
            )
    for name in method.streams:
        if name not in given:
            raise ValueError(
                f"streams must have {name!r} for {method.name}, got {sorted(given)}"
            )
    return dict(given)
