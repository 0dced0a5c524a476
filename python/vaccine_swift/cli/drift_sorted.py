"""Two files of the same prompts' rows in different orders, sorted by their ids."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift.drift.embedding_file import EmbeddingFile
from vaccine_swift.drift.files import read_embeddings

__all__ = ["sorted_files"]


def sorted_files(options: argparse.Namespace) -> tuple[EmbeddingFile, EmbeddingFile]:
    """Both files whole, rows in the order of their ids; those of one id stay in theirs.

    Raises
    ------
    Exception
        Whatever reading refuses.
    ValueError
        When a file has no ids, or one that the other lacks or has less often.
    """
    first, second = options.files
    reference = _read(options, first, labels=options.group_by)
    current = _read(options, second, labels=None)
    mine, theirs = _ids(first, reference), _ids(second, current)
    order, other = (np.argsort(ids, kind="stable") for ids in (mine, theirs))
    if not np.array_equal(mine[order], theirs[other]):
        raise ValueError(_difference(first, mine, second, theirs))
    return _in_order(reference, order), _in_order(current, other)


def _read(
    options: argparse.Namespace, path: Path, *, labels: str | None
) -> EmbeddingFile:
    return read_embeddings(
        path,
        column=options.column,
        labels=labels,
        ids=options.id_column,
        beside=options.group_by,
    )


def _ids(path: Path, file: EmbeddingFile) -> npt.NDArray[Any]:
    if file.ids is None or file.ids.ndim != 1 or file.ids.dtype.kind not in "iuU":
        raise ValueError(
            "--sort needs ids, text or whole numbers, in a column id or --id-column of "
            f"both files; {path} has none"
        )
    return file.ids


def _difference(
    first: Path, mine: npt.NDArray[Any], second: Path, theirs: npt.NDArray[Any]
) -> str:
    for path, other, ids, known in (
        (first, second, mine, theirs),
        (second, first, theirs, mine),
    ):
        missing = sorted(set(ids.tolist()) - set(known.tolist()), key=str)
        if missing:
            return (
                f"the ids of the two files differ: {missing[0]!r} is in {path} and not "
                f"in {other}"
            )
    return f"the ids of the two files differ: some are not as often in {second}"


def _in_order(file: EmbeddingFile, order: npt.NDArray[np.intp]) -> EmbeddingFile:
    return replace(
        file,
        values=file.values[..., order, :],
        ids=None if file.ids is None else file.ids[order],
        labels=None if file.labels is None else file.labels[order],
    )
