"""Greedy answers to rows, all asked together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vaccine_swift._arguments import check_type
from vaccine_swift.data.templates import render_prompt
from vaccine_swift.models import CausalLM
from vaccine_swift.study.evaluation.measured import Measured
from vaccine_swift.study.tasks import Row

__all__ = ["Question", "ask"]


@dataclass(frozen=True, slots=True)
class Question:
    """Rows that a model is asked, and what its answers show.

    Parameters
    ----------
    rows : sequence of dict
        What is asked.
    new_tokens : int
        Of an answer at most.
    measure : callable
        Makes a `Measured` of the answers, one for each row.
    """

    rows: Sequence[Row]
    new_tokens: int
    measure: Callable[[list[str]], Measured]


def ask(
    model: CausalLM, questions: Sequence[Question], *, template: str
) -> list[Measured]:
    """What a model's greedy answers to several sets of rows show.

    The rows of all questions are asked at once, which takes less time than one set
    after the other; an answer does not depend on what is asked beside it.

    Raises
    ------
    RuntimeError
        When the model has no tokeniser.
    ValueError
        When the template is unknown or needs a chat template; when a prompt and its
        answer exceed the context.
    """
    check_type("model", model, CausalLM)
    tokenizer = model._require_tokenizer()
    prompts = [
        render_prompt(row, tokenizer, template)
        for question in questions
        for row in question.rows
    ]
    limits = [question.new_tokens for question in questions for _ in question.rows]
    found = model.generate(prompts, limits, add_special_tokens=template != "chat")
    measured = []
    for question in questions:
        count = len(question.rows)
        measured.append(question.measure(found[:count]))
        found = found[count:]
    return measured
