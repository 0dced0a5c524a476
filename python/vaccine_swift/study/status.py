"""How a study stands, told from its folder, whoever works on it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vaccine_swift._arguments import checked_path
from vaccine_swift.checkpoints.json_files import read_json
from vaccine_swift.files.leases import EXPIRY, members
from vaccine_swift.files.shapes import (
    NUMBER,
    OPTIONAL,
    TEXT,
    Shape,
    Whole,
    check_shape,
    fits,
)
from vaccine_swift.study.folder import SHARED, STUDY, is_in_use
from vaccine_swift.study.result import StudyResult
from vaccine_swift.study.sharing import PLAN
from vaccine_swift.study.store import finished_folders

__all__ = ["StudyStatus", "Worker", "study_status"]

_WORK: Final[Shape] = {
    "doing": (TEXT, OPTIONAL),
    **dict.fromkeys(("share", "cost", "seconds"), NUMBER),
}
"""What a worker tells of its work, some of it later than at first."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that works on a shared study.

    Parameters
    ----------
    host : str
        Its machine.
    process : int
        Its number there.
    doing : str or None
        The stage it is in; None while it waits for others.
    share : float
        What is done of that stage, from 0 to 1.
    silent : float
        Seconds since its last sign of life, by both machines' clocks.
    alive : bool
        False where it said nothing for longer than others wait for it.
    """

    host: str
    process: int
    doing: str | None
    share: float
    silent: float
    alive: bool


@dataclass(frozen=True, slots=True)
class StudyStatus:
    """A study's state at one moment.

    Parameters
    ----------
    directory : Path
        The study's folder.
    done : int
        Stages that are done.
    stages : int or None
        Stages in all; None for a study that was never shared.
    rows : int
        Finished cells and seeds in ``results.jsonl``.
    workers : sequence of Worker
        Those who share the study and neither left nor are known to be dead.
    alone : bool
        Whether a process works there that does not share.
    seconds_left : float or None
        By the pace of the workers that are alive; None where they have none yet.
    """

    directory: Path
    done: int
    stages: int | None
    rows: int
    workers: Sequence[Worker]
    alone: bool
    seconds_left: float | None


def study_status(out: str | os.PathLike[str]) -> StudyStatus:
    """Read how a study stands; nothing is computed, and nobody is disturbed.

    Parameters
    ----------
    out : path
        The study's folder.

    Raises
    ------
    FileNotFoundError
        When there is no study there.
    ValueError
        When a file of it is damaged; names it.
    """
    directory = checked_path("out", out)
    if not (directory / STUDY).is_file():
        raise FileNotFoundError(f"{directory} must be a study's folder, has no {STUDY}")
    shared = directory / SHARED
    finished = finished_folders(directory)
    plan = _plan(shared / PLAN)
    if plan is not None:
        finished &= plan.keys()
    present = [m for m in members(shared) if not m["dead"] and fits(m, _WORK)]
    workers = [_worker(each) for each in present]
    try:
        rows = len(StudyResult.load(directory).rows)
    except FileNotFoundError:
        rows = 0
    left = sum(plan[each]["cost"] for each in plan.keys() - finished) if plan else 0.0
    return StudyStatus(
        directory=directory,
        done=len(finished),
        stages=len(plan) if plan is not None else None,
        rows=rows,
        workers=workers,
        alone=is_in_use(directory),
        seconds_left=_seconds_left(left, present),
    )


def _plan(path: Path) -> dict[str, Any] | None:
    """All stages with their cost; None where nobody has shared the study."""
    if not path.is_file():
        return None
    plan = read_json(path)
    check_shape(plan, {"*": Whole(cost=NUMBER)}, str(path))
    for folder, stage in plan.items():
        if stage["cost"] < 0:
            raise ValueError(f"{path}: {folder!r} must have a cost of at least 0")
    return plan


def _worker(told: dict[str, Any]) -> Worker:
    silent = max(time.time() - told["time"], 0.0)
    process = told["process"]
    return Worker(
        host=told["host"],
        process=int(process[2]) if process else 0,
        doing=told.get("doing"),
        share=told.get("share", 0.0),
        silent=silent,
        alive=silent <= EXPIRY,
    )


def _seconds_left(cost: float, present: Sequence[dict[str, Any]]) -> float | None:
    """What is left, shared among the workers that are alive, by their own pace."""
    if not cost:
        return 0.0
    alive = [each for each in present if _worker(each).alive and each.get("seconds")]
    pace = sum(each.get("cost", 0.0) / each["seconds"] for each in alive)
    return cost / pace if pace else None
