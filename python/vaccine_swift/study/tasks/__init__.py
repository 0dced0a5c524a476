"""User tasks of the study: what the attacked model is fine-tuned for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from vaccine_swift._arguments import nearest
from vaccine_swift.study.tasks.arithmetic import arithmetic_task
from vaccine_swift.study.tasks.rows import rows_task
from vaccine_swift.study.tasks.sentiment import sentiment_task
from vaccine_swift.study.tasks.task import Row, Task
from vaccine_swift.study.tasks.topics import topics_task

__all__ = ["TASKS", "Row", "Task", "load_task"]

TASKS: Final[Mapping[str, Callable[..., Task]]] = {
    "sentiment": sentiment_task,
    "arithmetic": arithmetic_task,
    "topics": topics_task,
}
"""Name to the function that makes the task."""


def load_task(name_or_path: str | os.PathLike[str], **options: Any) -> Task:
    """Give a task by its name, or make one of a file of rows.

    Parameters
    ----------
    name_or_path : str or path
        A key of `TASKS`; or a JSON, JSONL, CSV or Parquet file in one of
        `vaccine_swift.data.FORMATS`.
    **options
        Of the task's function; of `rows_task` for a file.

    Raises
    ------
    FileNotFoundError
        When a path is given and there is no such file.
    ValueError
        When the name is unknown; as the task's function.

    See Also
    --------
    vaccine_swift.study.tasks.sentiment.sentiment_task
    vaccine_swift.study.tasks.arithmetic.arithmetic_task
    vaccine_swift.study.tasks.topics.topics_task
    vaccine_swift.study.tasks.rows.rows_task

    Examples
    --------
    >>> task = load_task("arithmetic")
    >>> len(task.train), len(task.test)
    (2000, 500)
    """
    name = os.fspath(name_or_path)
    if name in TASKS:
        return TASKS[name](**options)
    if isinstance(name_or_path, str) and not Path(name).suffix:
        raise ValueError(
            f"task must be one of {', '.join(TASKS)} or the path of a data file, got "
            f"{name!r}.{nearest(name, TASKS)}"
        )
    return rows_task(name_or_path, **options)
