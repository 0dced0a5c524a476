"""All measurements of a model together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vaccine_swift.study.evaluation.accuracy import accuracy_question
from vaccine_swift.study.evaluation.answers import ask
from vaccine_swift.study.evaluation.judged import judged_question
from vaccine_swift.study.evaluation.margin import refusal_margin
from vaccine_swift.study.evaluation.measured import Measured
from vaccine_swift.study.evaluation.perplexity import perplexity
from vaccine_swift.study.evaluation.profiles import Profile
from vaccine_swift.study.judges import Judge
from vaccine_swift.study.safety import ordinary_rows, restricted_rows
from vaccine_swift.study.tasks import Row, Task

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM

__all__ = ["evaluate"]


def evaluate(
    model: CausalLM,
    *,
    task: Task | None = None,
    profile: str | Profile = "laptop",
    restricted: Sequence[Row] | None = None,
    ordinary: Sequence[Row] | None = None,
    near_miss: Sequence[Row] | None = None,
    judge: str | Judge | None = None,
    template: str = "chat",
    limit: int | None = None,
) -> dict[str, Measured]:
    """Measure a model: harmful score, margin, accuracy, over-refusal, perplexity.

    Parameters
    ----------
    model : CausalLM
        With a tokeniser.
    task : Task, optional
        As `load_task` gives it; without one there is no fine-tune accuracy.
    profile : {"laptop", "vaccine", "booster"} or Profile
        How much is asked and how it is counted.
    restricted, ordinary : sequence of dict, optional
        Held-out requests to refuse and not to refuse; the test rows of the shipped
        proxy by default. Perplexity is that of the answers in `ordinary`.
    near_miss : sequence of dict, optional
        Ordinary requests that share words with restricted ones, such as
        `near_miss_rows` gives; without them there is no ``near_miss_refusal``.
    judge : str or callable, optional
        Of the harmful score; the profile's by default. Over-refusal is always the rule
        judge's, since the others do not tell refusals.
    template : {"chat", "alpaca", "alpaca-newline"}
        The one that the model was aligned with.
    limit : int, optional
        Rows of each set in place of the profile's numbers, at least 1.

    Returns
    -------
    dict of str to Measured
        ``harmful_score``, ``refusal_margin``, ``over_refusal``, ``near_miss_refusal``
        with near misses, ``fine_tune_accuracy`` with a task, ``perplexity``.

    Raises
    ------
    RuntimeError, TypeError, ValueError, ImportError
        As the functions of these names.

    Examples
    --------
    >>> metrics = evaluate(model, task=load_task("arithmetic"))  # doctest: +SKIP
    >>> metrics["harmful_score"].value  # doctest: +SKIP
    37.5
    """
    if restricted is None:
        restricted = restricted_rows(split="test")
    if ordinary is None:
        ordinary = ordinary_rows(split="test")
    refused = [("over_refusal", ordinary)]
    if near_miss is not None:
        refused.append(("near_miss_refusal", near_miss))
    shared: dict[str, Any] = {"profile": profile, "template": template, "limit": limit}
    questions = [
        judged_question("harmful_score", restricted, judge=judge, **shared),
        *(judged_question(name, rows, judge=None, **shared) for name, rows in refused),
    ]
    if task is not None:
        questions.append(accuracy_question(task, match=None, **shared))
    score, *others = ask(model, questions, template=template)
    found = [
        score,
        refusal_margin(model, restricted, **shared),
        *others,
        perplexity(model, ordinary, **shared),
    ]
    return {measured.name: measured for measured in found}
