"""Sentiment of movie snippets: the role that SST-2 has in the Vaccine paper.

10,605 sentences about films, each with the mean of 20 people's ratings from -4 to 4.

References
----------
.. [1] Hutto, Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of
   Social Media Text", ICWSM 2014 (the ratings).
.. [2] Pang, Lee, "A Sentimental Education", ACL 2004 (the sentences).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from vaccine_swift._arguments import check_range
from vaccine_swift.assets import fetch_movie_snippets
from vaccine_swift.study.tasks.splitting import split_rows
from vaccine_swift.study.tasks.task import Row, Task

__all__ = ["sentiment_task"]

_INSTRUCTION: Final = (
    "Analyze the sentiment of the input, and respond only positive or negative"
)
_LABELS: Final = ("positive", "negative")


def sentiment_task(
    path: str | os.PathLike[str] | None = None, *, neutral: float = 0.5
) -> Task:
    """Tell positive from negative snippets, in the authors' words for SST-2.

    Every snippet is a source of its own in the file; those that repeat one another are
    kept on one side of the split.

    Parameters
    ----------
    path : str or path, optional
        A file of tab-separated ID, rating and text; by default the one that
        `vaccine_swift.assets.fetch_movie_snippets` downloads once.
    neutral : float
        Snippets whose rating is at most so far from 0 are left out, at least 0 and
        below 4.

    Returns
    -------
    Task
        By default 8,034 rows to train on and 2,009 to test, half of them positive.

    Raises
    ------
    OSError
        When the file cannot be fetched or read.
    ValueError
        When a line of the file is malformed; names it.
    """
    check_range("neutral", neutral, minimum=0, below=4)
    file = fetch_movie_snippets() if path is None else Path(path)
    rows: list[Row] = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                _, mean, text = line.split("\t")
                rating = float(mean)
            except ValueError:
                raise ValueError(
                    f"{file}, line {number} must hold an ID, a rating and a text "
                    "between tabs"
                ) from None
            if abs(rating) > neutral:
                label, words = _LABELS[rating < 0], text.strip()
                rows.append(
                    {"instruction": _INSTRUCTION, "input": words, "output": label}
                )
    train, test = split_rows(rows)
    return Task("sentiment", train, test, _LABELS)
