"""What both trainings of a study share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import get_args

from vaccine_swift.study.checks import FROM_ZERO, Choice, Number
from vaccine_swift.study.setting import TRAINED, setting
from vaccine_swift.training.schedule import Schedule

__all__ = ["TrainingSettings"]


_setting = partial(setting, group="both trainings")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What both trainings share. Documented in `StudyConfig`."""

    schedule: str = _setting(
        "cosine",
        Choice(get_args(Schedule)),
        help="of the learning rate",
        key=TRAINED,
    )
    warmup: float = _setting(
        0.1,
        FROM_ZERO,
        help="steps of warm-up; below 1 a share of all steps",
        key=TRAINED,
    )
    weight_decay: float = _setting(
        0.1, FROM_ZERO, help="decoupled decay of the adapter's matrices", key=TRAINED
    )
    max_grad_norm: float = _setting(
        1.0,
        FROM_ZERO,
        help="global norm that gradients are clipped to; 0 for none",
        key=TRAINED,
    )
    max_length: int = _setting(
        200,
        Number({"minimum": 2, "integer": True}),
        help="most tokens of an example",
        key=["align", "attack", "drift"],
    )
