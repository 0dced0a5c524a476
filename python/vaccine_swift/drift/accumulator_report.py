"""What an accumulator reports of what it has collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaccine_swift.drift.accumulator_facts import AccumulatorFacts
from vaccine_swift.drift.content import report_content
from vaccine_swift.drift.report import Report
from vaccine_swift.drift.watch import Progress, Watch

__all__ = ["AccumulatorReport"]


class AccumulatorReport(AccumulatorFacts):
    """Metrics and tests of an accumulator's state."""

    def report(
        self,
        tests: Sequence[str] | None = None,
        *,
        permutations: int = 999,
        confidence: float = 0.95,
        floor: str | float | AccumulatorReport | Report | None = None,
        contrast: tuple[str, str] | None = None,
        seed: int = 0,
        intervals: bool = True,
        metadata: Mapping[str, Any] | None = None,
        progress: Progress = False,
    ) -> Report:
        """Metrics with confidence intervals, and tests.

        Parameters
        ----------
        tests : sequence of {"signflip", "max_t", "contrast"}, optional
            Default: the first two, and the third where there are one or two groups or
            `contrast` names them.
        permutations : int
            B, of every test and bootstrap; 0 to 1048576. With 0 the tests' statistics
            are reported without p-values, and metrics of the table without intervals.
        confidence : float
            Of the intervals, in (0, 1).
        floor : {"float16", "bfloat16"}, float, Accumulator or Report, optional
            The relative drift that rounding alone or a repeat run shows; layers below
            it are marked.
        contrast : (str, str), optional
            The groups whose drift is compared, larger first; a name is a group or
            "rest". Default: the two groups, or the one against the rest.
        seed : int
            Of all draws.
        intervals : bool
            False leaves the jackknife of second moments out, which costs `folds` times
            their metrics.
        metadata : mapping, optional
            Added to the accumulator's own.
        progress : bool or callable
            True: a bar on standard error where that is a terminal. A callable gets the
            stage ("intervals over prompts", "second moments", "sign flips",
            "contrast"), the share of it that is done, and 1.0, 20 times a second at
            most.

        Returns
        -------
        Report

        Raises
        ------
        ValueError
            For an unknown test or group, or an argument out of range.
        RuntimeError
            When nothing was added yet.
        KeyboardInterrupt
            Within a second.
        """
        if isinstance(floor, AccumulatorReport):
            floor = floor.report(tests=[], permutations=0)
        with self._turn, Watch(progress) as watch:
            content = report_content(
                self._state,
                tests=tests,
                permutations=permutations,
                confidence=confidence,
                floor=floor,
                contrast=contrast,
                seed=seed,
                intervals=intervals,
                metadata={**self.metadata, **(metadata or {})},
                watch=watch,
            )
        return Report(content)
