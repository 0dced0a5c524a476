"""Files of embeddings on the command line: how many, what is read, what is told."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import vaccine_swift as vs
from vaccine_swift._arguments import check_range
from vaccine_swift._plurals import counted
from vaccine_swift.cli.terminal import say
from vaccine_swift.drift.files import EmbeddingFile, read_embeddings

__all__ = [
    "OF_MODELS",
    "in_words_of_files",
    "prepare",
    "read_files",
    "refuse",
    "tell_columns",
]

_MOST_LISTED: Final = 6
OF_MODELS: Final = (
    "data",
    "template",
    "what",
    "pool",
    "max_length",
    "batch_size",
    "engine",
    "device",
    "dtype",
)
"""Options of embeddings that models make."""


def refuse(options: argparse.Namespace, source: str, names: Sequence[str]) -> None:
    """Refuse options that mean nothing for embeddings from such a source.

    Raises
    ------
    ValueError
        When one was given.
    """
    for name in names:
        if getattr(options, name) != options.parser.get_default(name):
            option = name.replace("_", "-")
            raise ValueError(f"--{option} has no meaning for embeddings from {source}")


def prepare(options: argparse.Namespace, *, most: int | None = 2) -> None:
    """Check the number of files, and set the threads.

    Raises
    ------
    TypeError, ValueError
        For too few or too many files, or a number of threads that is none.
    """
    count = len(options.files)
    if count < 2 or (most is not None and count > most):
        words = "two files" if most else "a reference and at least one window"
        raise ValueError(f"{words} must be given, got {count}")
    if options.threads is not None:
        check_range("threads", options.threads, minimum=1, maximum=1024, integer=True)
        vs.set_num_threads(options.threads)


@contextmanager
def in_words_of_files(names: Mapping[str, object]) -> Iterator[None]:
    """What the API refuses, with the files in place of its arguments.

    Parameters
    ----------
    names : mapping of argument to what it was made of
        Such as ``{"x": "a.npy"}``.
    """
    known = "|".join(map(re.escape, names))
    called = re.compile(rf"(?:(?<=of )|(?<![\w./-]))({known})(?= must| has no|, got)")
    try:
        yield
    except (TypeError, ValueError) as error:
        text = called.sub(lambda found: str(names[found[1]]), str(error))
        raise type(error)(text) from None


def read_files(
    options: argparse.Namespace, labels: str | None = None, *, tell: bool = True
) -> list[EmbeddingFile]:
    """All files; what is left out of them is told on standard error, if it was not yet.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    found = []
    for path in options.files:
        file = read_embeddings(
            path, column=options.column, labels=labels, ids=options.id_column
        )
        if file.values.ndim not in (2, 3):
            raise ValueError(
                f"{path} must be [N, d] or [L, N, d], got shape "
                f"{list(file.values.shape)}"
            )
        found.append(file)
    if tell:
        tell_columns(options.files, [(each.columns, each.left_out) for each in found])
    return found


def tell_columns(
    paths: Sequence[Path], known: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]
) -> None:
    """Say what is left out of files, and where they differ in what is read.

    Parameters
    ----------
    paths : sequence of Path
    known : sequence of (columns, left_out)
    """
    for path, (columns, left_out) in zip(paths, known, strict=True):
        if left_out:
            say(
                f"{path}: the embedding is {_listed(columns)}; left out: "
                f"{_listed(left_out)}"
            )
    first = known[0][0]
    for path, (columns, _) in zip(paths[1:], known[1:], strict=True):
        if first != columns:
            say(
                f"note: the embedding is {_listed(first)} of {paths[0]} and "
                f"{_listed(columns)} of {path}"
            )


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "the one array"
    if len(names) > _MOST_LISTED:
        return f"{names[0]!r} to {names[-1]!r} ({counted(len(names), 'column')})"
    return ", ".join(map(repr, names))
