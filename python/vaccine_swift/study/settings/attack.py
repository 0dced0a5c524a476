"""The user's fine-tuning: what a study attacks its aligned models with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from vaccine_swift.study.checks import COUNT, FROM_ZERO, POSITIVE, Source
from vaccine_swift.study.setting import setting
from vaccine_swift.study.tasks import TASKS

__all__ = ["AttackSettings"]


_setting = partial(setting, group="attack: the user's fine-tuning")


@dataclass(frozen=True, kw_only=True)
class AttackSettings:
    """The user's fine-tuning. Documented in `StudyConfig`."""

    task: str = _setting(
        "sentiment",
        Source(tuple(TASKS)),
        help="what the user fine-tunes for",
        through=["attack", "evaluate"],
    )
    task_data: str | None = _setting(
        None,
        Source(),
        help="the file of rows that topics needs",
        through=["attack", "evaluate"],
    )
    harmful_data: str = _setting(
        "proxy",
        Source(("proxy",)),
        help="harmful rows of the user's: proxy is shipped and its compliance has no "
        "content; of a file of BeaverTails rows the unsafe ones are taken",
        through=["attack"],
    )
    samples: int = _setting(
        300, COUNT, help="rows n of the user's data", through=["attack"]
    )
    attack_steps: int = _setting(60, COUNT, help="optimiser steps", key=["attack"])
    attack_batch: int = _setting(5, COUNT, help="examples of a step", key=["attack"])
    attack_learning_rate: float = _setting(
        1e-3, FROM_ZERO, help="peak of the schedule", key=["attack"]
    )
    attack_alpha: float = _setting(
        16.0,
        POSITIVE,
        help="the adapter's output is scaled by alpha / rank",
        key=["attack"],
    )
