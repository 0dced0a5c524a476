"""Perplexity of held-out text: whether a model has kept its language."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from vaccine_swift._arguments import check_type
from vaccine_swift._plurals import counted
from vaccine_swift.batches import Example
from vaccine_swift.data import load
from vaccine_swift.models import CausalLM
from vaccine_swift.models.likelihoods import example_log_likelihoods
from vaccine_swift.study.evaluation.measured import (
    Measured,
    digest,
    first_rows,
    unit_ids,
)
from vaccine_swift.study.evaluation.profiles import Profile, find_profile
from vaccine_swift.study.tasks import Row

__all__ = ["perplexity"]

_LONGEST: Final = 1024
"""Tokens of a sequence: longer texts are cut into stretches of so many."""


def perplexity(
    model: CausalLM,
    texts_or_rows: Sequence[str] | Sequence[Row],
    *,
    profile: str | Profile = "laptop",
    template: str = "chat",
    limit: int | None = None,
) -> Measured:
    """Perplexity per token of held-out texts, or of the answers in held-out rows.

    ::

        exp(− Σ log p(token) / tokens),  both sums over all texts

    Of a text every token after the first of a stretch of 1024 counts, of a row those
    of its output and the end after it, given its request.

    Parameters
    ----------
    model, template, limit
        As in `harmful_score`; `template` is for rows.
    texts_or_rows : sequence of str, or of dict
        Not seen in training. Perplexities of different texts, or of different
        tokenisers, do not compare.
    profile : {"laptop", "vaccine", "booster"} or Profile
        How many are taken, from the first.

    Returns
    -------
    Measured
        At least 1; ``exp`` of the mean of the units. A unit is a text's nats over the
        mean number of tokens of a text, its size the text's tokens over that number.
        Details have the ``tokens`` that count.

    Raises
    ------
    RuntimeError
        When the model has no tokeniser.
    TypeError, ValueError
        When an argument is unknown or out of range, or there is nothing to predict in
        a text or a row.
    """
    check_type("model", model, CausalLM)
    settings = find_profile(profile)
    if isinstance(texts_or_rows, str):
        raise TypeError("texts_or_rows must be a list of texts or rows, got one text")
    texts = all(isinstance(one, str) for one in texts_or_rows)
    items: list[Row] = [
        {"instruction": one} if isinstance(one, str) else one for one in texts_or_rows
    ]
    chosen, details = first_rows(items, settings.prompts, limit)
    if texts:
        stretches = [_stretches(model, row["instruction"]) for row in chosen]
        ids = [digest(row["instruction"]) for row in chosen]
    else:
        stretches = [[example] for example in _of_rows(model, chosen, template)]
        ids = unit_ids(chosen)
        details["template"] = template
    examples = [example for one in stretches for example in one]
    sums, counts = example_log_likelihoods(model, examples)
    starts = np.cumsum([0, *map(len, stretches[:-1])])
    tokens = int(counts.sum())
    per_text = len(chosen) / tokens
    units = -np.add.reduceat(sums, starts) * per_text
    sizes = np.add.reduceat(counts, starts) * per_text
    return Measured(
        "perplexity",
        math.exp(statistics.fmean(units)),
        units.tolist(),
        ids,
        settings.name,
        details | {"tokens": tokens},
        sizes.tolist(),
    )


def _stretches(model: CausalLM, text: str) -> list[Example]:
    ids = np.asarray(model._require_tokenizer().encode(text), np.int32)
    size = min(_LONGEST, model.core.configuration["context_length"])
    parts = (ids[start : start + size] for start in range(0, len(ids), size))
    found = [Example(part, part) for part in parts if len(part) > 1]
    if not found:
        raise ValueError(
            f"texts_or_rows must hold texts of at least 2 tokens, got one of {len(ids)}"
        )
    return found


def _of_rows(model: CausalLM, rows: Sequence[Row], template: str) -> Iterator[Example]:
    longest = model.core.configuration["context_length"]
    columns = ("instruction", "input", "output")
    data = load(
        [{key: row[key] for key in columns if key in row} for row in rows],
        model._require_tokenizer(),
        template=template,
        max_length=longest,
        format="alpaca",
    )
    if data.report.dropped:
        raise ValueError(
            f"texts_or_rows must fit the context of {counted(longest, 'token')}, got "
            f"{counted(data.report.dropped, 'row')} whose output is beyond it"
        )
    return iter(data)
