"""A task of the user's own rows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vaccine_swift._plurals import counted
from vaccine_swift.data.exchanges import read_exchanges
from vaccine_swift.study.tasks.splitting import train_and_test
from vaccine_swift.study.tasks.task import Task, is_worked

__all__ = ["rows_task"]

_MOST_LABELS: Final = 20
_LONGEST_LABEL: Final = 40


def rows_task(
    path_or_rows: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    *,
    test: str | os.PathLike[str] | Iterable[Mapping[str, Any]] | None = None,
    labels: Sequence[str] | None = None,
    format: str | None = None,  # noqa: A002
    name: str | None = None,
) -> Task:
    """Make a task of rows in any format that `vaccine_swift.data.load` takes.

    Parameters
    ----------
    path_or_rows : path or iterable of mappings
        A file, or rows such as a list of dicts; of messages, one request and its
        answer each.
    test : path or iterable of mappings, optional
        The rows to test on; rows of `path_or_rows` that ask the same are left out of
        training. By default a fifth is split off, near-duplicates on one side.
    labels : sequence of str, optional
        What the outputs can be. Found by default: when there are at most 20 different
        outputs, none longer than 40 characters or a number, each given twice at least,
        they are labels. Give an empty sequence to have none.
    format : str, optional
        A key of `vaccine_swift.data.FORMATS`; recognised from the keys by default.
    name : str, optional
        By default the file's name without its suffix, or ``"rows"``.

    Raises
    ------
    FileNotFoundError, ImportError, TypeError, ValueError
        As `vaccine_swift.data.load`; ValueError also when an output is none of the
        labels, or the rows are too few or too alike to make two parts.
    """
    rows = read_exchanges(path_or_rows, format=format)
    held_out = None if test is None else read_exchanges(test, format=format)
    if name is None:
        name = "rows"
        if isinstance(path_or_rows, str | os.PathLike):
            name = Path(path_or_rows).stem
    outputs = [row["output"].strip() for row in [*rows, *(held_out or ())]]
    found = _labels(outputs) if labels is None else tuple(labels) or None
    if found is not None and (strange := set(outputs).difference(found)):
        raise ValueError(
            f"labels must name every output, got {counted(len(strange), 'other')} in "
            "the rows"
        )
    return Task(name, *train_and_test(rows, held_out), found)


def _labels(outputs: Sequence[str]) -> tuple[str, ...] | None:
    counts = Counter(outputs)
    if len(counts) > _MOST_LABELS or min(counts.values()) < 2:
        return None
    if any(is_worked(output) or len(output) > _LONGEST_LABEL for output in counts):
        return None
    return tuple(counts)
