"""What a study would take, without doing it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaccine_swift._arguments import checked_path
from vaccine_swift._plurals import counted
from vaccine_swift.study.folder import check_folder
from vaccine_swift.study.inputs import Inputs
from vaccine_swift.study.plan import Plan
from vaccine_swift.study.stages import Workshop
from vaccine_swift.study.store import Store
from vaccine_swift.training.estimate import rough_time

if TYPE_CHECKING:
    from vaccine_swift.study.config import StudyConfig

__all__ = ["Forecast", "forecast"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """How much a study has to do.

    Parameters
    ----------
    rows : int
        Cells of the grid times seeds: rows of the results.
    stages : int
        Stages in all, each once.
    done : int
        Stages that the folder has already.
    seconds : float
        That the others will take on this machine as it is now; 0 where none is left.
    """

    rows: int
    stages: int
    done: int
    seconds: float

    def __str__(self) -> str:
        """One line."""
        told = (
            f"{counted(self.rows, 'row')} of results (cells times seeds), "
            f"{counted(self.stages, 'stage')}"
        )
        if self.done:
            told += f", {self.done} of them done"
        if self.done == self.stages:
            return told
        return f"{told}: about {rough_time(self.seconds)} on this machine"


def forecast(config: StudyConfig, out: str | os.PathLike[str]) -> Forecast:
    """Count the stages that `run` would do, and time a step of training.

    Parameters
    ----------
    config : StudyConfig
        The grid and all settings.
    out : path
        The study's folder; nothing is written, and it need not exist.

    Raises
    ------
    ValueError, OSError
        As `vaccine_swift.study.run` before its first stage.

    Examples
    --------
    >>> from vaccine_swift import study
    >>> told = study.forecast(study.preset("smoke"), "runs/smoke")  # doctest: +SKIP
    >>> told.stages, told.done  # doctest: +SKIP
    (14, 0)
    """
    directory = checked_path("out", out)
    check_folder(directory, config)
    store = Store(directory)
    workshop = Workshop(Inputs(config.model), store)
    plan = Plan(config, workshop, store)
    jobs = list(plan.missing().values())
    stages = [job.stage for job in jobs]
    seconds = workshop.expected_seconds(jobs[0].trial, stages) if jobs else 0.0
    count = len(plan.jobs())
    return Forecast(len(plan.grid), count, count - len(jobs), seconds)
