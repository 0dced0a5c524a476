"""Packed batches as the padded ones that transformers takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from vaccine_swift._plurals import counted

__all__ = ["PaddedBatch", "padded"]

_IGNORED: Final = -100


@dataclass(frozen=True, eq=False)
class PaddedBatch:
    """B sequences of up to S tokens, padded on the right; T of the tokens are real.

    Attributes
    ----------
    ids, mask : Tensor, int64 [B, S]
        Tokens, 0 where padded, and 1 where they are real.
    places : Tensor, int64 [T]
        Where each real token is in ``ids.flatten()``.
    given : ndarray, int64 [T]
        Which token of the packed batch each of them is.
    count : int
        Tokens of the packed batch; those that reach no loss may be left out.
    rows : Tensor, int64 [S]
        Where the tokens are that predict supervised ones, in ``ids.flatten()``.
    targets : Tensor, int64 [S]
        What they predict.
    labelled : ndarray, int64 [S]
        Which token of the packed batch each target is.
    lengths : ndarray, int64 [B]
        Tokens that each sequence has in the packed batch.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    places: torch.Tensor
    given: npt.NDArray[np.int64]
    count: int
    rows: torch.Tensor
    targets: torch.Tensor
    labelled: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]

    @property
    def supervised(self) -> int:
        """S, targets of the batch."""
        return len(self.labelled)

    def packed(self, values: torch.Tensor) -> torch.Tensor:
        """The real tokens of `values` [B, S, C], [T, C]."""
        return values.flatten(0, 1)[self.places.to(values.device)]

    def spread(self, values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """`values` [T, C] of the real tokens as [B, S, C], 0 where padded."""
        result = torch.zeros(
            (*self.ids.shape, values.shape[-1]), dtype=like.dtype, device=like.device
        )
        flat = result.flatten(0, 1)
        flat[self.places.to(like.device)] = values.to(like.device, like.dtype)
        return result


def padded(
    input_ids: npt.NDArray[Any],
    labels: npt.NDArray[Any] | None,
    offsets: npt.NDArray[Any],
    fields: Mapping[str, Any],
    device: torch.device,
    *,
    trimmed: bool = False,
) -> PaddedBatch:
    """Check a packed batch and pad it.

    Parameters
    ----------
    input_ids, labels : ndarray, int [T]
        -100 in `labels`: not supervised. None: nothing is.
    offsets : ndarray, int [B + 1]
        Borders of the sequences.
    fields : mapping
        Has the model's ``vocabulary_size`` and ``context_length``.
    device : torch.device
        Where the tensors are made.
    trimmed : bool
        Leave out every token on which no target depends.

    Raises
    ------
    ValueError
        When a token is outside the vocabulary, a sequence is longer than the context,
        or with `trimmed` nothing is supervised.
    """
    ids = np.asarray(input_ids).astype(np.int64)
    borders = np.asarray(offsets).astype(np.int64)
    _check(ids, "input_ids", fields["vocabulary_size"], ignored=False)
    lengths = np.diff(borders)
    if not (borders[0] == 0 and borders[-1] == len(ids) and (lengths > 0).all()):
        raise ValueError("offsets must rise from 0 to the number of tokens")
    for sequence in np.flatnonzero(lengths > fields["context_length"]):
        raise ValueError(
            f"input_ids: sequence {sequence} has "
            f"{counted(lengths[sequence], 'token')}, more than the context of "
            f"{fields['context_length']}"
        )
    wanted = _targets(labels, borders, fields["vocabulary_size"])
    labelled = np.flatnonzero(wanted != _IGNORED)
    if trimmed and not labelled.size:
        raise ValueError("labels: no token of the batch is supervised")
    starts, ends = borders[:-1], borders[1:]
    if trimmed:
        last = np.searchsorted(labelled, ends) - 1
        present = (last >= 0) & (labelled[np.maximum(last, 0)] >= starts)
        starts, ends = starts[present], labelled[last[present]]
        lengths = lengths[present]
    width = int((ends - starts).max())
    inside = np.arange(width) < (ends - starts)[:, None]
    sources = (starts[:, None] + np.arange(width))[inside]
    grid = np.zeros(inside.shape, np.int64)
    grid[inside] = ids[sources]
    places = np.flatnonzero(inside)
    where = np.full(len(ids), -1)
    where[sources] = places

    def tensor(values: npt.NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)

    return PaddedBatch(
        ids=tensor(grid),
        mask=tensor(inside.astype(np.int64)),
        places=tensor(places),
        given=sources,
        count=len(ids),
        rows=tensor(where[labelled - 1]),
        targets=tensor(wanted[labelled]),
        labelled=labelled,
        lengths=lengths,
    )


def _targets(
    labels: npt.NDArray[Any] | None, borders: npt.NDArray[np.int64], vocabulary: int
) -> npt.NDArray[np.int64]:
    """What each token's predecessor has to predict, -100 for nothing."""
    if labels is None:
        return np.full(borders[-1], _IGNORED)
    wanted = np.asarray(labels).astype(np.int64)
    if len(wanted) != borders[-1]:
        raise ValueError("labels must have as many entries as input_ids")
    _check(wanted, "labels", vocabulary, ignored=True)
    wanted[borders[:-1]] = _IGNORED
    return wanted


def _check(
    ids: npt.NDArray[np.int64], name: str, vocabulary: int, *, ignored: bool
) -> None:
    if not ids.size:
        raise ValueError(f"{name} must hold at least one token")
    outside = (ids < 0) | (ids >= vocabulary)
    if ignored:
        outside &= ids != _IGNORED
    for position in np.flatnonzero(outside):
        raise ValueError(
            f"{name}: {ids[position]} at position {position} is outside the vocabulary "
            f"0..<{vocabulary}" + " and is not -100" * ignored
        )
