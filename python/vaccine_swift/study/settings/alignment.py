"""What a study aligns its model on, and how."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from vaccine_swift.study.checks import COUNT, FROM_ZERO, POSITIVE, Number, Source
from vaccine_swift.study.setting import setting

__all__ = ["AlignmentSettings"]


_setting = partial(setting, group="alignment")


@dataclass(frozen=True, kw_only=True)
class AlignmentSettings:
    """What is aligned on, and how. Documented in `StudyConfig`."""

    align_data: str | None = _setting(
        None,
        Source(),
        help="a file of rows to align on, in place of restricted_data and "
        "ordinary_data; of BeaverTails rows the safe ones are taken",
        through=["align"],
    )
    align_samples: int | None = _setting(
        None,
        COUNT,
        help="rows drawn of align_data; all if left out",
        through=["align"],
    )
    align_restricted: int = _setting(
        170,
        Number({"minimum": 0, "integer": True}),
        help="rows drawn of restricted_data, to refuse",
        through=["align"],
    )
    align_ordinary: int = _setting(
        185,
        Number({"minimum": 0, "integer": True}),
        help="rows drawn of ordinary_data, to follow",
        through=["align"],
    )
    align_everyday: int = _setting(
        25,
        Number({"minimum": 0, "integer": True}),
        help="rows drawn of the shipped everyday instructions, to follow",
        through=["align"],
        former=0,
    )
    align_near_miss: int = _setting(
        120,
        Number({"minimum": 0, "integer": True}),
        help="rows drawn of the shipped near misses, to follow: ordinary requests that "
        "share words with restricted ones",
        through=["align"],
        former=0,
    )
    align_steps: int = _setting(100, COUNT, help="optimiser steps", key=["align"])
    align_batch: int = _setting(5, COUNT, help="examples of a step", key=["align"])
    align_learning_rate: float = _setting(
        5e-3, FROM_ZERO, help="peak of the schedule", key=["align"]
    )
    align_alpha: float = _setting(
        16.0,
        POSITIVE,
        help="the adapter's output is scaled by alpha / rank; with a single adapter "
        "this holds for the attack too",
        key=["align"],
    )
