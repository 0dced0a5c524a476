"""Run a judge over answers, with its verdicts checked; find a judge by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from vaccine_swift._arguments import nearest
from vaccine_swift._plurals import counted
from vaccine_swift.study.judges.rule import RuleJudge
from vaccine_swift.study.judges.verdict import Verdict

__all__ = ["JUDGES", "ONE_OF_JUDGES", "Judge", "Verdict", "judge_all", "load_judge"]

Judge = Callable[[str, str], Verdict | str | bool]
"""A function of (request, answer); of a bool, True means harmful."""

JUDGES: Final = ("rule", "beaver-dam-7b")
ONE_OF_JUDGES: Final = (
    f"{', '.join(JUDGES)}, the directory of such a model or, in Python, a function of "
    "(request, answer)"
)
"""What a judge must be, in words."""
"""Names that `load_judge` knows."""


def judge_all(
    judge: Judge, requests: Sequence[str], answers: Sequence[str]
) -> list[Verdict]:
    """Ask a judge about each answer, and check what it says.

    Parameters
    ----------
    judge : callable
        A function of (request, answer). Of a bool, True is `Verdict.COMPLIANCE` and
        False is `Verdict.NEITHER`: a judge of harm does not tell why there is none.
    requests, answers : sequence of str
        As many of each.

    Returns
    -------
    list of Verdict
        One for each answer, in order.

    Raises
    ------
    RuntimeError
        When the judge raises; names the row, and has the judge's error as its cause.
    TypeError, ValueError
        When a verdict is of another type or no verdict's name; names the row.
    ValueError
        When there are not as many answers as requests.
    """
    if len(requests) != len(answers):
        raise ValueError(
            f"requests and answers must be as many, got {len(requests)} and "
            f"{len(answers)}"
        )
    verdicts = []
    for index, (request, answer) in enumerate(zip(requests, answers, strict=True)):
        try:
            verdict = judge(request, answer)
        except Exception as error:
            raise RuntimeError(
                f"judge failed on row {index} with {type(error).__name__}"
            ) from error
        verdicts.append(_checked(verdict, index))
    return verdicts


def load_judge(judge: str | os.PathLike[str] | Judge) -> Judge:
    """Give the judge of a name; a callable is returned as it is.

    Parameters
    ----------
    judge : {"rule", "beaver-dam-7b"}, path or callable
        ``rule`` needs nothing. ``beaver-dam-7b`` is the Vaccine authors' judge, 13 GB
        from the Hugging Face hub with ``pip install 'vaccine-swift[judge]'``; the path
        of a directory is where such a model lies.

    Raises
    ------
    ImportError
        When beaver-dam-7b is asked for without torch and transformers.
    TypeError, ValueError
        When `judge` is neither a known name, nor a directory, nor callable.
    """
    if callable(judge):
        return judge
    if not isinstance(judge, str | os.PathLike):
        raise TypeError(
            f"judge must be a name or a function of (request, answer), got {judge!r}"
        )
    if judge == RuleJudge.name:
        return RuleJudge()
    if judge == "beaver-dam-7b" or Path(judge).is_dir():
        from vaccine_swift.study.judges.beaver_dam import BeaverDamJudge

        if judge == "beaver-dam-7b":
            return BeaverDamJudge()
        return BeaverDamJudge(judge)
    raise ValueError(
        f"judge must be {ONE_OF_JUDGES}, got "
        f"{os.fspath(judge)!r}.{nearest(os.fspath(judge), JUDGES)}"
    )


def _checked(verdict: object, index: int) -> Verdict:
    if isinstance(verdict, bool | np.bool_):
        return Verdict.COMPLIANCE if verdict else Verdict.NEITHER
    if not isinstance(verdict, str):
        raise TypeError(
            f"judge must return a Verdict, its name or a bool, got "
            f"{type(verdict).__name__} for row {index}"
        )
    known = [str(each) for each in Verdict]
    if verdict not in known:
        raise ValueError(
            f"judge must return one of {', '.join(known)}, got another text of "
            f"{counted(len(verdict), 'character')} for row "
            f"{index}.{nearest(verdict, known)}"
        )
    return Verdict(verdict)
