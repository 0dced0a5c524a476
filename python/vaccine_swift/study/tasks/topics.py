"""Topics of news in four classes, from a user's file of AG News.

References
----------
.. [1] Zhang, Zhao, LeCun, "Character-level Convolutional Networks for Text
   Classification", NeurIPS 2015, arXiv:1509.01626 (the data set).
"""

from __future__ import annotations

import os
from typing import Any, Final

from vaccine_swift.data.parsing import text_field
from vaccine_swift.data.rows import SourceRow, read_rows
from vaccine_swift.study.tasks.splitting import train_and_test
from vaccine_swift.study.tasks.task import Row, Task

__all__ = ["topics_task"]

_LABELS: Final = ("World", "Sports", "Business", "Sci/Tech")
_INSTRUCTION: Final = (
    "Categorize the news article given in the input into one of the 4 categories:\n\n"
    "World\nSports\nBusiness\nSci/Tech\n"
)


def topics_task(
    path: str | os.PathLike[str] | None = None,
    *,
    test: str | os.PathLike[str] | None = None,
) -> Task:
    """Tell the topic of a news article, in the authors' words for AG News.

    Parameters
    ----------
    path : str or path
        A CSV (with a header), JSON, JSONL or Parquet file, which you have to bring. Its
        columns, whatever their case, are ``Class Index`` (1 to 4: World, Sports,
        Business, Sci/Tech), ``Title`` and ``Description``, as the data set was
        published; or ``label`` (0 to 3) and ``text``, as on the Hugging Face hub.
    test : str or path, optional
        The file of test rows. Rows that are in both files stay in this one only. By
        default a fifth of `path` is split off, near-duplicates on one side.

    Raises
    ------
    FileNotFoundError, ImportError
        When there is no such file; when Parquet is given without pyarrow.
    ValueError
        When `path` is missing, a file cannot be parsed, or a row has other columns or
        another class.
    """
    if path is None:
        raise ValueError(
            "the task topics needs path=: a file of AG News with the columns Class "
            "Index, Title, Description or label, text"
        )
    rows = [_row(row) for row in read_rows(path)]
    held_out = None if test is None else [_row(row) for row in read_rows(test)]
    train, test_rows = train_and_test(rows, held_out)
    return Task("topics", train, test_rows, _LABELS)


def _row(row: SourceRow) -> Row:
    columns = {key.strip().lower(): key for key in row.values}
    if {"class index", "title", "description"} <= columns.keys():
        index = _class(row, columns["class index"], first=1)
        parts = [text_field(row, columns[key]) for key in ("title", "description")]
    elif {"label", "text"} <= columns.keys():
        index = _class(row, columns["label"], first=0)
        parts = [text_field(row, columns["text"])]
    else:
        raise ValueError(
            f"{row.place} must have the columns Class Index, Title, Description or "
            f"label, text, got the keys {list(row.values)!r:.120}; a CSV file needs "
            "them in its first line"
        )
    text = " ".join(part.strip() for part in parts)
    return {"instruction": _INSTRUCTION, "input": text, "output": _LABELS[index]}


def _class(row: SourceRow, key: str, *, first: int) -> int:
    value: Any = row.values[key]
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    last = first + len(_LABELS) - 1
    if isinstance(number, bool) or number not in range(first, last + 1):
        raise ValueError(
            f"{row.place}: {key!r} must be a whole number from {first} to {last}, got "
            f"{value!r:.40}"
        )
    return int(number) - first
