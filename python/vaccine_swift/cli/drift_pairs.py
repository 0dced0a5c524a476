"""Files and folders of the same prompts' rows, which are read piece by piece."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift import drift
from vaccine_swift._arguments import nearest
from vaccine_swift._plurals import counted
from vaccine_swift.cli.drift_files import (
    OF_MODELS,
    in_words_of_files,
    prepare,
    read_files,
    refuse,
    tell_columns,
)
from vaccine_swift.cli.drift_sorted import sorted_files
from vaccine_swift.drift.embedding_file import IDS, Asked, EmbeddingFile
from vaccine_swift.drift.rows import NOT_PAIRS
from vaccine_swift.drift.sources import ids_of_file, side_of
from vaccine_swift.files.text_files import read_lines

__all__ = ["compared_files"]

_UNPAIRED: Final = "rows of different prompts are compared with --unpaired"
_IN_ONE_ORDER: Final = (
    "rows must be in one order: sort both files by their ids, as --sort does in memory"
)
_OF_FILES: Final = ("ids", "group", "paired")
_NOT_OF_FILES: Final = (*OF_MODELS, "level")


@dataclass(frozen=True, slots=True)
class _Side:
    """What is known of one side before it is read.

    Parameters
    ----------
    shape : tuple of int
        Of the first row: [1, d] or [L, 1, d].
    rows : int
    has_ids : bool
    """

    path: Path
    shape: tuple[int, ...]
    dtype: str
    rows: int
    has_ids: bool
    left_out: tuple[str, ...]

    @property
    def whole(self) -> list[int]:
        """The shape of all rows."""
        return [*self.shape[:-2], self.rows, self.shape[-1]]


def compared_files(
    options: argparse.Namespace,
) -> drift.Accumulator | drift.PairedRows:
    """An accumulator of two sides' rows; where their widths differ, the rows.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    folders = any(path.is_dir() for path in options.files)
    if folders:
        refuse(options, "folders", (*_NOT_OF_FILES, *_OF_FILES))
    else:
        refuse(options, "paired files", _NOT_OF_FILES)
    if options.group and options.group_by is not None:
        raise ValueError(
            "--group and --group-by say both which rows are a group: give one of them"
        )
    if options.sort:
        refuse(options, "files that are sorted", ("ids", "paired", "memory"))
    prepare(options)
    first, second = _sides(options)
    rows, ids, labels = None, None, options.group_by
    if options.sort:
        rows = sorted_files(options)
        ids, labels = rows[0].ids, rows[0].labels
    if folders and not (first.has_ids or second.has_ids):
        raise ValueError(
            f"rows of {first.path} are paired by their ids, which no column has: call "
            f"it id, or name it by --id-column; {_UNPAIRED}"
        )
    if not folders:
        if first.whole[:-1] != second.whole[:-1]:
            raise ValueError(
                f"{second.path} must have the shape of {first.path}, {first.whole}, "
                f"got {second.whole}; {_UNPAIRED}"
            )
        if rows is None:
            ids = _ids(options, first, second)
        if first.shape[-1] != second.shape[-1]:
            return _of_two_widths(options, ids, rows)
    accumulator = drift.Accumulator(
        layers=first.shape[0] if len(first.shape) == 3 else 1,
        width=first.shape[-1],
        tier=options.tier,
        seed=options.seed,
        metadata={
            "reference": first.path.name,
            "current": second.path.name,
            "dtype": first.dtype,
        },
    )
    given = {} if options.memory is None else {"memory": options.memory}
    names = {"reference": first.path, "current": second.path}
    with _in_words_of_options(), in_words_of_files(names):
        accumulator.extend(
            first.path if rows is None else rows[0].values,
            second.path if rows is None else rows[1].values,
            ids=options.id_column if ids is None else ids,
            groups=_groups(options, first, second, ids) if labels is None else labels,
            column=options.column,
            progress=True,
            **given,
        )
    return accumulator


def _sides(options: argparse.Namespace) -> tuple[_Side, _Side]:
    """Both sides; what is left out of them is told on standard error."""
    found, columns = [], []
    for path in options.files:
        asked = Asked(options.column, options.id_column, beside=options.group_by)
        side = side_of(path, str(path), asked)
        row = side.view(1)
        if row is None or side.total is None:
            raise ValueError(f"{path} must have at least one row, got none")
        found.append(
            _Side(
                path,
                row.values.shape,
                str(row.values.dtype),
                side.total,
                row.ids is not None,
                side.left_out,
            )
        )
        left_out = (each for each in side.left_out if each != options.group_by)
        columns.append((side.columns, tuple(left_out)))
    tell_columns(options.files, columns)
    first, second = found
    return first, second


def _of_two_widths(
    options: argparse.Namespace,
    ids: npt.NDArray[Any] | None,
    rows: tuple[EmbeddingFile, EmbeddingFile] | None,
) -> drift.PairedRows:
    groups = ("group", "group_by")
    refused = ("tests", "permutations", "floor", *groups, "baseline", "memory")
    refuse(options, "files of different width", refused)
    if options.tier != "light":
        raise ValueError("--tier has no meaning for embeddings of different width")
    first, second = rows or read_files(options, tell=False)
    if ids is None:
        _check_equal(first.ids, second.ids)
        ids = first.ids if first.ids is not None else second.ids
    return drift.PairedRows(
        first.values,
        second.values,
        ids=ids,
        metadata={
            "reference": options.files[0].name,
            "current": options.files[1].name,
        },
    )


def _ids(
    options: argparse.Namespace, first: _Side, second: _Side
) -> npt.NDArray[Any] | None:
    """What names the rows; None: the files do."""
    if options.ids is not None:
        if options.id_column is not None:
            raise ValueError(
                "--ids and --id-column say both which prompt a row is of: give one of "
                "them"
            )
        if options.ids.suffix.lower() == ".npy":
            ids = np.load(options.ids, allow_pickle=False)
        else:
            ids = np.array(read_lines(options.ids))
        if ids.shape != (first.rows,):
            raise ValueError(
                f"--ids must hold {counted(first.rows, 'id')}, one per row, got shape "
                f"{ids.shape}"
            )
        return ids
    if first.has_ids and second.has_ids:
        return None
    if not options.paired:
        raise ValueError(
            "nothing says that row i of both files is the same prompt, as ids in both "
            "would, in a column id or --id-column, or --ids: give --paired if it is"
            + _unread((first, second))
            + "; "
            + _UNPAIRED
        )
    return None if first.has_ids or second.has_ids else np.arange(first.rows)


def _unread(sides: Iterable[_Side]) -> str:
    """What is called as ids are, and cannot be read as such."""
    told = [
        f"; {name!r} of {side.path} holds neither text nor whole numbers"
        for side in sides
        for name in side.left_out
        if name in IDS
    ]
    return "".join(told[:1])


def _groups(
    options: argparse.Namespace,
    first: _Side,
    second: _Side,
    ids: npt.NDArray[Any] | None,
) -> dict[str, npt.NDArray[np.bool_]] | None:
    if not options.group:
        return None
    if ids is None:
        known = first if first.has_ids else second
        ids = ids_of_file(known.path, column=options.column, ids=options.id_column)
    texts = np.asarray(ids).astype(str)
    groups = {}
    for option in options.group:
        name, separator, path = option.partition("=")
        if not (name and separator and path):
            raise ValueError(f"--group must be NAME=FILE, got {option!r}")
        members = np.array(read_lines(Path(path)), dtype=str)
        unknown = np.setdiff1d(members, texts)
        if unknown.size:
            raise ValueError(
                f"--group {name}: '{unknown[0]}' is no id of a row."
                f"{nearest(str(unknown[0]), texts[:10_000].tolist())}"
            )
        groups[name] = np.isin(texts, members)
    return groups


def _check_equal(first: Any, second: Any) -> None:
    if first is not None and second is not None and not np.array_equal(first, second):
        raise ValueError(
            f"the ids of the two files differ; {_IN_ONE_ORDER}; {_UNPAIRED}"
        )


@contextmanager
def _in_words_of_options() -> Iterator[None]:
    """What the API refuses, with the options that help."""
    try:
        yield
    except ValueError as error:
        text = str(error).replace(NOT_PAIRS, _UNPAIRED)
        text = text.replace(
            "ids of both sides must be equal, but", "the ids of the two files differ:"
        )
        text = text.replace("rows must be in one order", _IN_ONE_ORDER)
        if text.endswith("rows of a prompt must follow each other"):
            text += ", or all fit in --memory"
        raise ValueError(text) from None
