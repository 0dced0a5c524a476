"""What a person sees of a study: a line for each stage, a bar over the whole grid."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from typing import Final

from tqdm import tqdm  # type: ignore[import-untyped]

from vaccine_swift._plurals import counted
from vaccine_swift._progress_bar import ProgressBar
from vaccine_swift.study.store import Stage
from vaccine_swift.training.estimate import rough_time

__all__ = ["GridProgress", "expected_seconds"]

_BAR: Final = "{n_fmt}/{total_fmt} stages |{bar}| {desc}"


class GridProgress:
    """Lines on standard error, and a bar where it is a terminal.

    Parameters
    ----------
    stages : iterable of Stage
        All that is to do.
    shown : bool
        False: say nothing.
    before : int
        Stages that are done already, to be counted.
    """

    def __init__(
        self, stages: Iterable[Stage], *, shown: bool, before: int = 0
    ) -> None:
        self._left = {stage.folder: stage for stage in stages}
        self._total = before + len(self._left)
        self._done: list[tuple[Stage, float]] = []
        self._opened = time.perf_counter()
        self._began = 0.0
        self._shown = shown
        self._bar = ProgressBar(
            total=self._total,
            initial=before,
            bar_format=_BAR,
            disable=not (shown and self._left and sys.stderr.isatty()),
        )

    def announce(self, seconds: float) -> None:
        """Write how much there is to do, and how long it will take."""
        if self._shown:
            left = counted(len(self._left), "stage")
            line = f"{left} to do: about {rough_time(seconds)} on this machine"
            self._bar.write(line, file=sys.stderr)

    def begin(self, stage: Stage, what: str) -> None:
        """Start the clock of a stage."""
        self._began = time.perf_counter()
        self._left.pop(stage.folder, None)
        self.report(stage, what, 0.0)

    def report(self, stage: Stage, what: str, share: float) -> None:
        """Show the share of a stage that is done, and the time left for all."""
        spent = time.perf_counter() - self._began
        now = expected_seconds([stage], self._done)
        if share:
            what, now = f"{what} {share:.0%}", spent * (1 - share) / share
        self._bar.set_description_str(what + self._time_left(now))

    def end(self, stage: Stage, what: str) -> None:
        """Write the line of a finished stage."""
        seconds = time.perf_counter() - self._began
        self._done.append((stage, seconds))
        self._write(what, seconds, self._time_left(0))

    def passed(self, stage: Stage, what: str, seconds: float) -> None:
        """Write the line of a stage that another process did, in so many seconds."""
        self._left.pop(stage.folder, None)
        self._done.append((stage, seconds))
        worked = sum(each for _, each in self._done)
        later = expected_seconds(self._left.values(), self._done)
        left = ""
        if later and worked:
            later *= (time.perf_counter() - self._opened) / worked
            left = f", {tqdm.format_interval(later)} left"
        self._write(what, seconds, left)

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()

    def _write(self, what: str, seconds: float, left: str) -> None:
        if self._shown:
            done = f"[{self._total - len(self._left)}/{self._total}]"
            line = f"{done} {what}: {tqdm.format_interval(seconds)}{left}"
            self._bar.write(line, file=sys.stderr)
        self._bar.update()

    def _time_left(self, now: float | None) -> str:
        """The time for the present stage and all later ones, where it can be told."""
        later = expected_seconds(self._left.values(), self._done)
        if now is None or later is None or not now + later:
            return ""
        return f", {tqdm.format_interval(now + later)} left"


def expected_seconds(
    stages: Iterable[Stage], done: Iterable[tuple[Stage, float]]
) -> float | None:
    """Time that stages will take, by the pace of those that are done.

    Parameters
    ----------
    stages : iterable of Stage
        To be done.
    done : iterable of (Stage, float)
        With the seconds that each took. Stages of a kind that is not among them go by
        the pace of all others.

    Returns
    -------
    float or None
        Seconds; None where nothing is done yet and something is to do.
    """
    wanted = list(stages)
    pace = _pace(done)
    if wanted and not pace:
        return None
    return sum(stage.cost * pace.get(stage.name, pace[""]) for stage in wanted)


def _pace(done: Iterable[tuple[Stage, float]]) -> Mapping[str, float]:
    """Seconds per unit of cost, by kind of stage; "" is all kinds."""
    sums: dict[str, tuple[float, float]] = {}
    for stage, seconds in done:
        for name in (stage.name, ""):
            total, cost = sums.get(name, (0.0, 0.0))
            sums[name] = total + seconds, cost + stage.cost
    return {name: total / cost for name, (total, cost) in sums.items()}
