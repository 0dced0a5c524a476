"""Folders of Parquet files, which ``vaccine-swift drift`` reads piece by piece."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vaccine_swift import drift
from vaccine_swift.cli.terminal import say
from vaccine_swift.drift.sources import Asked, side_of

__all__ = ["compared_folders", "has_folder"]


def has_folder(paths: Sequence[Path]) -> bool:
    """Whether one of them is a folder."""
    return any(path.is_dir() for path in paths)


def compared_folders(options: argparse.Namespace) -> drift.Accumulator:
    """An accumulator of the rows of two folders, or of a folder and a file.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    first, second = options.files
    shape = _first_row(first, options)
    _first_row(second, options)
    accumulator = drift.Accumulator(
        layers=shape[0] if len(shape) == 3 else 1,
        width=shape[-1],
        tier=options.tier,
        seed=options.seed,
        metadata={"reference": first.name, "current": second.name},
    )
    accumulator.extend(
        first, second, column=options.column, groups=options.group_by, progress=True
    )
    return accumulator


def _first_row(path: Path, options: argparse.Namespace) -> tuple[int, ...]:
    """The shape of one row; what is left out is told on standard error."""
    side: Any = side_of(path, str(path), Asked(options.column, None, None, 1))
    row = side.view(1)
    if row is None:
        raise ValueError(f"{path} must have at least one row, got none")
    if left_out := [
        name for name in getattr(side, "left_out", ()) if name != options.group_by
    ]:
        listed = ", ".join(map(repr, left_out))
        columns = ", ".join(map(repr, side.columns))
        say(f"{path}: the embedding is {columns}; left out: {listed}")
    return row.values.shape
