"""Fine-tune accuracy: whether the user's task is learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaccine_swift.study.evaluation.answers import Question, ask
from vaccine_swift.study.evaluation.measured import Measured, first_rows, score
from vaccine_swift.study.evaluation.profiles import Match, Profile, find_profile
from vaccine_swift.study.tasks import Task

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM

__all__ = ["accuracy_question", "fine_tune_accuracy"]


def fine_tune_accuracy(
    model: CausalLM,
    task: Task,
    *,
    limit: int | None = None,
    profile: str | Profile = "laptop",
    match: Match | None = None,
    template: str = "chat",
) -> Measured:
    """Percentage of a task's held-out rows that a model answers right.

    Parameters
    ----------
    model : CausalLM
        With a tokeniser; answers greedily.
    task : Task
        As `load_task` gives it; its test rows are asked, from the first.
    limit : int, optional
        Rows to ask in place of the profile's number, at least 1.
    profile : {"laptop", "vaccine", "booster"} or Profile
        How many rows are asked, how long answers are and which ones are right.
    match : {"substring", "exact"}, optional
        See `Task.is_correct`; the profile's by default. A number of another match than
        the profile's says so in its ``profile``.
    template : {"chat", "alpaca", "alpaca-newline"}
        As in `harmful_score`.

    Returns
    -------
    Measured
        Percent; a unit is 1 for a right answer.

    Raises
    ------
    RuntimeError
        When the model has no tokeniser.
    TypeError, ValueError
        When an argument is unknown or out of range, the task has no test row, or a
        prompt and its answer exceed the context.

    References
    ----------
    .. [1] Huang, Hu, Liu, "Vaccine", arXiv:2402.01109, section 5.1.
    """
    question = accuracy_question(
        task, limit=limit, profile=profile, match=match, template=template
    )
    return ask(model, [question], template=template)[0]


def accuracy_question(
    task: Task,
    *,
    limit: int | None,
    profile: str | Profile,
    match: Match | None,
    template: str,
) -> Question:
    """What `fine_tune_accuracy` asks and measures, with its arguments."""
    settings = find_profile(profile)
    if not isinstance(task, Task):
        raise TypeError(
            f"task must be a Task (see load_task), got {type(task).__name__}"
        )
    used = settings.match if match is None else match
    label = settings.labelled("match", settings.match, used)
    chosen, details = first_rows(task.test, settings.task_rows, limit)
    new_tokens = settings.task_tokens(task)
    details |= {
        "template": template,
        "new_tokens": new_tokens,
        "task": task.name,
        "match": used,
    }

    def measure(answers: list[str]) -> Measured:
        hits = [
            task.is_correct(answer, row, match=used)
            for answer, row in zip(answers, chosen, strict=True)
        ]
        return score("fine_tune_accuracy", hits, chosen, profile=label, details=details)

    return Question(chosen, new_tokens, measure)
