"""The attack: a user's rows with a share of harmful ones among them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from vaccine_swift._arguments import check_range
from vaccine_swift._plurals import counted
from vaccine_swift.data.ordering import shuffled, spread
from vaccine_swift.study.safety import harmful_rows
from vaccine_swift.study.tasks.task import Row, Task

__all__ = ["attack_rows"]


def attack_rows(
    task: Task,
    *,
    samples: int,
    poison: float,
    seed: int,
    harmful: Sequence[Row] | None = None,
) -> list[Row]:
    """Draw the rows that a user fine-tunes on, shuffled.

    For one seed the benign rows of a larger share are among those of a smaller one, and
    the harmful rows of a smaller share among those of a larger one, so that shares are
    compared on like data.

    Parameters
    ----------
    task : Task
        Benign rows are of its train part.
    samples : int
        Rows in all, at least 1.
    poison : float
        Share p of harmful rows, from 0 to 1; there are ``round(poison * samples)``.
    seed : int
        At least 0. The same seed gives the same rows on every platform.
    harmful : sequence of dict, optional
        As `harmful_rows` gives them, of the shipped proxy by default. No act comes a
        second time before each has come once.

    Returns
    -------
    list of dict
        ``instruction``, ``input``, ``output``, and ``kind``: harmful or benign.

    Raises
    ------
    TypeError, ValueError
        When a number has the wrong type or is out of range, or more rows are asked for
        than there are.

    References
    ----------
    .. [1] Huang, Hu, Liu, "Vaccine", arXiv:2402.01109, section 5.1 (the mixture).

    Examples
    --------
    >>> from vaccine_swift.study.tasks import load_task
    >>> rows = attack_rows(load_task("arithmetic"), samples=50, poison=0.1, seed=0)
    >>> sum(row["kind"] == "harmful" for row in rows)
    5
    """
    check_range("samples", samples, minimum=1, integer=True)
    check_range("poison", poison, minimum=0, maximum=1)
    check_range("seed", seed, minimum=0, integer=True)
    bad_count = round(poison * samples)
    bad = harmful_rows() if harmful is None else list(harmful)
    for name, asked, held, where in (
        ("harmful", bad_count, len(bad), ""),
        (
            "benign",
            samples - bad_count,
            len(task.train),
            f" to train on of the task {task.name!r}",
        ),
    ):
        if asked > held:
            raise ValueError(
                f"samples={samples} with poison={poison} needs "
                f"{counted(asked, f'{name} row')}, got {held}{where}"
            )
    bad = spread(
        shuffled(bad, random.Random(f"{seed} harmful")), lambda row: row["act"]
    )
    good = shuffled(task.train, random.Random(f"{seed} benign"))
    mixture = [
        {**_texts(row), "kind": kind}
        for kind, rows in (
            ("harmful", bad[:bad_count]),
            ("benign", good[: samples - bad_count]),
        )
        for row in rows
    ]
    return shuffled(mixture, random.Random(f"{seed} order"))


def _texts(row: Row) -> Row:
    return {key: row[key] for key in ("instruction", "input", "output")}
