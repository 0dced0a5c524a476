"""One side of a paired measurement, whose rows are taken piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core

__all__ = ["Held", "Piece", "Read", "Side"]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Rows that follow each other.

    Parameters
    ----------
    values : array [N, d] or [L, N, d]
    ids, labels : array [N], or None
        The prompt and the group of each row, where the side knows them.
    """

    values: npt.NDArray[Any]
    ids: npt.NDArray[Any] | None = None
    labels: npt.NDArray[Any] | None = None

    def __len__(self) -> int:
        return self.values.shape[-2]

    def rows(self, chosen: slice) -> Piece:
        """Some of the rows, without a copy."""
        return Piece(
            self.values[..., chosen, :],
            None if self.ids is None else self.ids[chosen],
            None if self.labels is None else self.labels[chosen],
        )


class Side(Protocol):
    """Rows in order, of which those that come next can be looked at.

    Attributes
    ----------
    columns, left_out : tuple of str
        Of a table or a file of several arrays: those that are the embedding, and those
        that are nothing.
    """

    columns: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def total(self) -> int | None:
        """Rows in all, where that is known."""

    def view(self, count: int) -> Piece | None:
        """The next `count` rows; fewer, or None, where no more are left."""

    def drop(self, count: int) -> None:
        """Go on by `count` rows, which a view has shown.

        Raises
        ------
        OSError
            When their file was cut short; they are not what was shown then.
        """


class Held:
    """Rows in memory or in a mapped file; views are no copies.

    Parameters
    ----------
    piece : Piece
        All rows.
    mapped : bool
        Whether they may be those of a file.

    Attributes
    ----------
    columns, left_out : tuple of str
        As of `Side`.
    """

    def __init__(
        self,
        piece: Piece,
        *,
        mapped: bool = False,
        columns: tuple[str, ...] = (),
        left_out: tuple[str, ...] = (),
    ) -> None:
        self._piece = piece
        self._mapped = mapped
        self.columns, self.left_out = columns, left_out
        self._place = 0

    @property
    def total(self) -> int | None:
        """All rows."""
        return len(self._piece)

    def view(self, count: int) -> Piece | None:
        """As `Side.view`."""
        if self._place >= len(self._piece):
            return None
        return self._piece.rows(slice(self._place, self._place + count))

    def drop(self, count: int) -> None:
        """As `Side.drop`."""
        if self._mapped:
            _core.check_mapped(self._piece.values)
        self._place += count


class Read:
    """Rows of batches that are read when they are asked for, and then forgotten.

    Attributes
    ----------
    columns, left_out : tuple of str
        As of `Side`.
    """

    def __init__(
        self,
        batches: Iterator[Piece],
        total: int | None = None,
        *,
        columns: tuple[str, ...] = (),
        left_out: tuple[str, ...] = (),
    ) -> None:
        self._batches = batches
        self._waiting: list[Piece] = []
        self._total = total
        self.columns, self.left_out = columns, left_out

    @property
    def total(self) -> int | None:
        """Rows of all batches, where the source says so."""
        return self._total

    def view(self, count: int) -> Piece | None:
        """As `Side.view`; a copy where the rows are of several batches."""
        held = sum(map(len, self._waiting))
        while held < count and (batch := next(self._batches, None)) is not None:
            if len(batch):
                self._waiting.append(batch)
                held += len(batch)
        if len(self._waiting) > 1:
            self._waiting = [_joined(self._waiting)]
        return self._waiting[0].rows(slice(count)) if self._waiting else None

    def drop(self, count: int) -> None:
        """As `Side.drop`."""
        rest = self._waiting[0].rows(slice(count, None))
        self._waiting = [rest] if len(rest) else []


def _joined(pieces: list[Piece]) -> Piece:
    first = pieces[0]
    shape = (*first.values.shape[:-2], first.values.shape[-1])
    for piece in pieces[1:]:
        own = (*piece.values.shape[:-2], piece.values.shape[-1])
        if own != shape:
            raise ValueError(
                f"batches must have one width and one number of layers, got {shape} "
                f"and {own}"
            )
    return Piece(
        np.concatenate([piece.values for piece in pieces], axis=-2),
        _together([piece.ids for piece in pieces]),
        _together([piece.labels for piece in pieces]),
    )


def _together(parts: list[npt.NDArray[Any] | None]) -> npt.NDArray[Any] | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None
