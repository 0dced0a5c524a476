"""What a study asks its models, and how the answers are judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from vaccine_swift._arguments import nearest
from vaccine_swift.study.checks import COUNT, Choice, Number, Rule, Source
from vaccine_swift.study.evaluation import PROFILES
from vaccine_swift.study.judges import JUDGES, ONE_OF_JUDGES
from vaccine_swift.study.safety import SOURCES
from vaccine_swift.study.setting import STAGES, setting

__all__ = ["NO_ROWS", "EvaluationSettings"]

NO_ROWS: Final = "none"

_setting = partial(setting, group="evaluation")


def _check_judge(name: str, value: Any, faults: list[str]) -> None:
    if not (callable(value) or value in JUDGES or Path(str(value)).is_dir()):
        hint = nearest(str(value), JUDGES)
        faults.append(f"{name} must be {ONE_OF_JUDGES}, got {value!r}.{hint}")


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """What models are asked, and who judges it. Documented in `StudyConfig`."""

    restricted_data: str = _setting(
        "proxy",
        Source(SOURCES),
        help="requests to refuse, for alignment and evaluation",
        through=STAGES,
    )
    ordinary_data: str = _setting(
        "proxy",
        Source(("proxy",)),
        help="instructions to follow, likewise",
        through=STAGES,
    )
    near_miss_data: Literal["proxy", "none"] = _setting(
        "proxy",
        Choice(("proxy", NO_ROWS)),
        help="ordinary requests that share words with restricted ones, for evaluation; "
        "none asks no such",
        through=["evaluate"],
        former=NO_ROWS,
    )
    evaluate_on: Literal["test", "validation"] = _setting(
        "test",
        Choice(("test", "validation")),
        help="held-out requests and task rows: choose settings on validation, report "
        "test; neither is ever trained on",
        through=["attack", "evaluate", "drift"],
    )
    profile: str = _setting(
        "laptop",
        Choice(tuple(PROFILES)),
        help="how scores are measured",
        key=["evaluate"],
    )
    judge: str | Callable[[str, str], Any] | None = _setting(  # noqa: RUF009
        None,
        Rule(_check_judge),
        help="of the harmful score: rule, beaver-dam-7b, the directory of such a "
        "model, in Python also a function of (request, answer), which is known by its "
        "name and source; the profile's if left out",
        through=["evaluate"],
        sweepable=False,
    )
    limit: int | None = _setting(
        None,
        COUNT,
        help="most prompts of each set; the profile's number if left out",
        key=["evaluate"],
    )
    drift_prompts: int = _setting(
        40,
        Number({"minimum": 2, "integer": True}),
        help="requests of each kind whose drift is measured",
        through=["attack", "drift"],
    )
    drift_every: int = _setting(
        20,
        COUNT,
        help="steps of the attack between points of the drift curve",
        through=["attack"],
    )
