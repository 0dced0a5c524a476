"""A study as work to be done: its trials, their stages, and the rows they give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from vaccine_swift.study.grid import Trial, trials
from vaccine_swift.study.rows import result_row
from vaccine_swift.study.store import Stage, Store, digest

if TYPE_CHECKING:
    from vaccine_swift.study.config import StudyConfig
    from vaccine_swift.study.stages import Workshop

__all__ = ["Job", "Plan", "Rows"]

Grid: TypeAlias = Sequence[tuple[Trial, Mapping[str, Stage]]]


@dataclass(frozen=True, slots=True)
class Job:
    """A stage to be done, and the first trial that needs it.

    Parameters
    ----------
    stage : Stage
        What is to be done.
    trial : Trial
        Whose stage it is.
    name : {"align", "before", "attack", "after", "drift"}
        Its name in the trial.
    """

    stage: Stage
    trial: Trial
    name: str

    @property
    def what(self) -> str:
        """The stage for people, such as "Vaccine ρ=2, p=0.1, seed 0: attack"."""
        shared = self.name in ("align", "before")
        share = "" if shared else f", p={self.trial.poison:g}"
        return f"{self.trial.label}{share}, seed {self.trial.seed}: {self.name}"


class Plan:
    """The trials of a study in grid order, each with its stages.

    Parameters
    ----------
    config : StudyConfig
        The study.
    workshop : Workshop
        Makes the stages.
    store : Store
        Keeps their results.
    """

    def __init__(self, config: StudyConfig, workshop: Workshop, store: Store) -> None:
        self.store = store
        self.study = digest(config.to_dict())
        self.grid: Grid = [(trial, workshop.stages(trial)) for trial in trials(config)]
        self._seeds = config.seeds

    def order_of_work(self) -> list[int]:
        """Places in the grid, a whole seed before the next one."""
        of_place = [self._seeds.index(trial.seed) for trial, _ in self.grid]
        return sorted(range(len(of_place)), key=of_place.__getitem__)

    def jobs(self) -> dict[str, Job]:
        """All stages by folder, each once, in the order of work.

        A stage comes after those that it builds on.
        """
        found: dict[str, Job] = {}
        for place in self.order_of_work():
            trial, stages = self.grid[place]
            for name, stage in stages.items():
                found.setdefault(stage.folder, Job(stage, trial, name))
        return found

    def missing(self) -> dict[str, Job]:
        """The jobs that are still to be done."""
        return {
            folder: job
            for folder, job in self.jobs().items()
            if not self.store.has(job.stage)
        }


class Rows:
    """The rows of a plan's finished trials, read as their stages get done.

    Parameters
    ----------
    plan : Plan
        Whose rows.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rows: dict[int, dict[str, Any]] = {}

    def __contains__(self, place: int) -> bool:
        return place in self._rows

    def add(self, place: int) -> None:
        """Read the row of a trial whose stages are all done.

        Raises
        ------
        OSError, ValueError
            When one of them is not there or not readable.
        """
        trial, stages = self._plan.grid[place]
        kept = {name: self._plan.store.read(stage) for name, stage in stages.items()}
        self._rows[place] = result_row(self._plan.study, trial, kept)

    def add_finished(self, missing: Iterable[str]) -> bool:
        """Read the rows of all trials of which no stage is among the missing ones.

        Parameters
        ----------
        missing : iterable of str
            Folders of stages that are not done.

        Returns
        -------
        bool
            Whether there was one that was not read before.
        """
        undone = set(missing)
        new = [
            place
            for place, (_, stages) in enumerate(self._plan.grid)
            if place not in self._rows
            and undone.isdisjoint(stage.folder for stage in stages.values())
        ]
        for place in new:
            self.add(place)
        return bool(new)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """In grid order."""
        return (self._rows[place] for place in sorted(self._rows))
