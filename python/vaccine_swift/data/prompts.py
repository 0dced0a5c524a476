"""`load_prompts`: requests without answers, as a model meets them."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

import numpy as np

from vaccine_swift._arguments import check_range, check_type
from vaccine_swift._plurals import counted, plural
from vaccine_swift.batches import IGNORED_LABEL, Example
from vaccine_swift.data.dataset import Dataset
from vaccine_swift.data.load_report import LoadReport
from vaccine_swift.data.rows import SourceRow, read_rows
from vaccine_swift.data.templates import check_template, render_prompt
from vaccine_swift.text.tokenizer import Tokenizer

__all__ = ["load_prompts"]


def load_prompts(
    path_or_rows: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    tokenizer: Tokenizer,
    *,
    template: str = "alpaca",
    max_length: int = 200,
) -> Dataset:
    """Read rows and put their requests, not their answers, into a template.

    The last token of each example is the one after which the model answers. No label
    is supervised: the examples are there to be looked at, as by `drift.compare`, and
    not to be trained on. Marks of what rows are to be used for are not looked at.

    Parameters
    ----------
    path_or_rows : path or iterable of mappings
        As of `load`; rows with or without an answer, as of `render_prompt`.
    tokenizer : Tokenizer
        The model's.
    template : {"alpaca", "alpaca-newline", "chat"}
        How a prompt is put into words.
    max_length : int
        Most tokens of an example, at least 2. Longer ones keep their start.

    Returns
    -------
    Dataset
        A sequence of `Example`, with ``rows`` whose ``completion`` is empty.

    Warns
    -----
    UserWarning
        Once, with the count, when prompts were truncated.

    Raises
    ------
    FileNotFoundError, ImportError, TypeError
        As `load`.
    ValueError
        As `load`; when a row has no request, the message names it.

    Examples
    --------
    >>> probe = load_prompts([{"prompt": "Name a river."}], tok)  # doctest: +SKIP
    >>> report = drift.compare(before, after, probe, pool="last")  # doctest: +SKIP
    """
    check_type("tokenizer", tokenizer, Tokenizer)
    check_template(template, tokenizer)
    check_range("max_length", max_length, minimum=2, integer=True)
    rows = read_rows(path_or_rows)
    examples, made, lengths = [], [], []
    for row in rows:
        text = _rendered(row, tokenizer, template)
        ids = tokenizer.encode_prompt(text, add_special_tokens=template != "chat")
        if not ids:
            raise ValueError(f"{row.place} has a prompt of no token")
        lengths.append(len(ids))
        kept = np.array(ids[:max_length], np.int32)
        examples.append(Example(kept, np.full_like(kept, IGNORED_LABEL)))
        made.append({**row.values, "prompt": text, "completion": ""})
    cut = sum(length > max_length for length in lengths)
    if cut:
        warnings.warn(
            f"of {counted(len(rows), 'prompt')}, {cut} {plural(cut, 'was', 'were')} "
            f"truncated to max_length={counted(max_length, 'token')}",
            stacklevel=2,
        )
    report = LoadReport(
        format="prompts",
        template=template,
        max_length=max_length,
        read=len(rows),
        kept=len(examples),
        truncated=cut,
        dropped=0,
        filtered=0,
        tokens=sum(example.tokens for example in examples),
        supervised=0,
        median_length=median(lengths),
        longest=max(lengths),
    )
    return Dataset(examples, made, report, [row.values for row in rows])


def _rendered(row: SourceRow, tokenizer: Tokenizer, template: str) -> str:
    try:
        return render_prompt(row.values, tokenizer, template)
    except ValueError as error:
        text = re.sub(r"^row\b", lambda _: row.place, str(error))
        raise ValueError(text) from None
