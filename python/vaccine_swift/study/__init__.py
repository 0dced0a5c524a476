"""The defence study: align, attack, evaluate, measure drift, compare.

    >>> from vaccine_swift import study
    >>> config = study.preset("laptop", methods=["sft", "vaccine"], seeds=5)
    >>> result = study.run(config, "runs/first")  # doctest: +SKIP
    >>> result.to_html()  # doctest: +SKIP

A cell of the grid goes through stages, each kept on disk under a hash of all that
determines it (`stages`, `store`); `tasks`, `attack` and `safety` give the rows,
`judges` and `evaluation` the scores, `statistics` and `report` what they mean.
"""

from __future__ import annotations

from vaccine_swift.study.attack import attack_rows
from vaccine_swift.study.config import StudyConfig
from vaccine_swift.study.evaluation import (
    PROFILES,
    Measured,
    evaluate,
    fine_tune_accuracy,
    harmful_score,
    near_miss_refusal,
    over_refusal,
    perplexity,
    refusal_margin,
)
from vaccine_swift.study.forecasting import Forecast, forecast
from vaccine_swift.study.judges import RuleJudge, Verdict, judge_all, load_judge
from vaccine_swift.study.presets import PRESETS, preset
from vaccine_swift.study.result import StudyResult
from vaccine_swift.study.runner import run
from vaccine_swift.study.status import StudyStatus, study_status
from vaccine_swift.study.tasks import TASKS, Task, load_task

__all__ = [
    "PRESETS",
    "PROFILES",
    "TASKS",
    "Forecast",
    "Measured",
    "RuleJudge",
    "StudyConfig",
    "StudyResult",
    "StudyStatus",
    "Task",
    "Verdict",
    "attack_rows",
    "evaluate",
    "fine_tune_accuracy",
    "forecast",
    "harmful_score",
    "judge_all",
    "load_judge",
    "load_task",
    "near_miss_refusal",
    "over_refusal",
    "perplexity",
    "preset",
    "refusal_margin",
    "run",
    "study_status",
]
