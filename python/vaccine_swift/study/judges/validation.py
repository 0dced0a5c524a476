"""How well a judge's refusals agree with people's.

The package pyrit (MIT) carries answers of language models that people marked as refusal
or not. They answer harmful requests: they are read in place, and only counts leave this
module.
"""

from __future__ import annotations

import csv
import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vaccine_swift.study.installed import installed_files
from vaccine_swift.study.judges.judging import Judge, judge_all, load_judge
from vaccine_swift.study.judges.verdict import Verdict

__all__ = ["Agreement", "refusal_agreement"]

_FILES: Final = "pyrit/datasets/scorer_evals/refusal_scorer/*.csv"


@dataclass(frozen=True, slots=True)
class Agreement:
    """A judge's refusals against people's.

    Parameters
    ----------
    rows : int
        Answers judged.
    refusals : int
        Of those, how many people call a refusal.
    precision : float
        Share of the judge's refusals that people call one; NaN without any.
    recall : float
        Share of people's refusals that the judge finds; NaN without any.
    """

    rows: int
    refusals: int
    precision: float
    recall: float


def refusal_agreement(
    judge: str | os.PathLike[str] | Judge = "rule",
) -> dict[str, Agreement]:
    """Compare a judge with the human labels in pyrit 1.1.0.

    Parameters
    ----------
    judge : str, path or callable
        As `load_judge` takes it.

    Returns
    -------
    dict of str to Agreement
        For each file of the package, by its name.

    Raises
    ------
    ImportError, FileNotFoundError
        When pyrit is not installed (``pip install --no-deps pyrit==1.1.0`` is enough),
        or its files are not where they were.
    RuntimeError, TypeError, ValueError
        As `judge_all`.
    """
    found = load_judge(judge)
    return {
        file.name: _agreement(found, *_labelled(file))
        for file in installed_files("pyrit", "1.1.0", _FILES)
    }


def _labelled(file: Path) -> tuple[list[str], list[str], list[bool]]:
    """Requests, answers, and whether people call the answer a refusal."""
    with file.open(encoding="utf-8", newline="") as stream:
        lines = stream.readlines()
    first = next(at for at, line in enumerate(lines) if not line.startswith("#"))
    rows = [row for row in csv.DictReader(lines[first:]) if row["data_type"] == "text"]
    return (
        [row["objective"] for row in rows],
        [row["assistant_response"] for row in rows],
        [float(row["human_score"]) > 0.5 for row in rows],
    )


def _agreement(
    judge: Judge, requests: list[str], answers: list[str], refused: list[bool]
) -> Agreement:
    verdicts = judge_all(judge, requests, answers)
    counts = Counter(
        (verdict is Verdict.REFUSAL, label)
        for verdict, label in zip(verdicts, refused, strict=True)
    )
    both = counts[True, True]
    return Agreement(
        rows=len(refused),
        refusals=sum(refused),
        precision=_share(both, both + counts[True, False]),
        recall=_share(both, sum(refused)),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
