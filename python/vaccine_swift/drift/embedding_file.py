"""What a file of embeddings holds, and how it comes of named columns or arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.drift.columns import no_column

__all__ = ["IDS", "Asked", "EmbeddingFile", "Wanted"]
__all__ += ["as_layers", "check_labels", "ids_of"]

IDS: Final = ("id", "ids")
"""What a column of ids is called."""

Wanted = str | Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is read of a source.

    Parameters
    ----------
    column : str or sequence of str, optional
        The embedding's columns, by names or patterns.
    ids, labels : str, optional
        Columns of prompts and groups; prompts are in ``id`` or ``ids`` by default.
    beside : str, optional
        A column that is no part of the embedding, where there is such a one.
    rows : int
        Of a batch.
    """

    column: Wanted = None
    ids: str | None = None
    labels: str | None = None
    beside: str | None = None
    rows: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingFile:
    """What a file holds.

    Parameters
    ----------
    values : array, shape [N, d] or [L, N, d]
        Rows, of one layer or of each.
    ids : array, shape [N], or None
        Where the file has them: a column or one-dimensional array ``id`` or ``ids``.
    columns : tuple of str
        Of what the values were made; empty for a file of one array.
    left_out : tuple of str
        Columns or arrays that are neither.
    labels : array, shape [N], or None
        Of the column that was asked for.
    """

    values: npt.NDArray[Any]
    ids: npt.NDArray[Any] | None
    columns: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    labels: npt.NDArray[Any] | None = None


def ids_of(named: Mapping[str, Any], fits: Callable[[Any], bool]) -> str | None:
    """The name of what holds the ids."""
    return next((name for name in IDS if name in named and fits(named[name])), None)


def check_labels(path: Path | str, names: Iterable[str], labels: str | None) -> None:
    """Check that the column that was asked for is there.

    Raises
    ------
    ValueError
        When it is not.
    """
    known = list(names)
    if labels is not None and labels not in known:
        raise no_column(path, labels, known)


def as_layers(
    path: Path | str, names: Sequence[str], arrays: Iterable[npt.NDArray[Any] | None]
) -> npt.NDArray[Any]:
    """One array as it is, several as layers.

    Raises
    ------
    ValueError
        When they differ in shape.
    """
    known = [each for each in arrays if each is not None]
    if len(known) == 1:
        return known[0]
    for name, array in zip(names, known, strict=True):
        if array.ndim != 2 or array.shape != known[0].shape:
            raise ValueError(
                f"{path}: arrays must be layers of one shape [N, d], got {names[0]!r} "
                f"of shape {known[0].shape} and {name!r} of shape {array.shape}"
            )
    return np.stack(known)
