"""A report as a gate: conditions that hold or raise, also as cases of JUnit."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from vaccine_swift._arguments import check_range
from vaccine_swift.drift.gate import Bound, Condition, check_conditions
from vaccine_swift.drift.junit import Check, junit_text
from vaccine_swift.drift.plain_report import PlainReport

__all__ = ["JudgedReport"]


class JudgedReport(PlainReport):
    """A report that conditions on its metrics and tests can be asked of."""

    def assert_below(self, *, bound: Bound = "high", **limits: float) -> None:
        """Raise unless every named metric is below its limit.

        Parameters
        ----------
        bound : {"high", "value", "low"}
            Which end of the interval has to be below; "high" asks that the data show
            it.
        **limits : float
            Such as ``relative_drift=0.05``. A metric known for all layers together is
            looked at there, another one at every layer.

        Raises
        ------
        DriftExceeded
            An AssertionError with a line for each failure; NaN fails.
        TypeError, ValueError
            When there is no limit, a limit is no number, or the report has no such
            metric.

        Examples
        --------
        >>> report.assert_below(relative_drift=0.05)  # doctest: +SKIP
        """
        self._assert("<", limits, bound)

    def assert_above(self, *, bound: Bound = "low", **limits: float) -> None:
        """Raise unless every named metric, such as ``cka=0.9``, is above its limit.

        Parameters and errors are those of `assert_below`.
        """
        self._assert(">", limits, bound)

    def assert_that(self, *conditions: str, bound: Bound | None = None) -> None:
        """Raise unless all conditions hold.

        Parameters
        ----------
        *conditions : str
            Such as ``"relative_drift<0.05"``, ``"cka>0.9"``, ``"harmful.cosine>0.9"``
            for a group or ``"signflip.p_value>0.01"`` for a test.
        bound : {"high", "value", "low"}, optional
            Which end of an interval counts; by default the one that is harder to
            hold.

        Raises
        ------
        DriftExceeded
            An AssertionError with a line for each failure; NaN fails.
        ValueError
            When a condition cannot be read, or the report has no such metric.
        """
        if not conditions:
            raise ValueError("conditions must hold at least one condition, got none")
        parsed = [Condition.parse(text) for text in conditions]
        check_conditions(self.content, parsed, bound)

    def to_junit(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        conditions: Sequence[str],
        bound: Bound | None = None,
    ) -> str:
        """The conditions as JUnit's XML, which build servers show.

        Parameters
        ----------
        path : path, optional
            Also write it there; the file appears whole or not at all.
        conditions : sequence of str
            As of `assert_that`, a case for each; at least one.
        bound : {"high", "value", "low"}, optional
            Likewise.

        Raises
        ------
        OSError
            When the disk refuses.
        ValueError
            When a condition cannot be read, or the report has no such metric.
        """
        if not conditions:
            raise ValueError("conditions must hold at least one condition, got none")
        parsed = [Condition.parse(text) for text in conditions]
        failures = [each.failures(self.content, bound) for each in parsed]
        checks = [
            Check(text, "; ".join(lines) or None)
            for text, lines in zip(conditions, failures, strict=True)
        ]
        return junit_text("drift", checks, repr(self), path)

    def _assert(self, relation: str, limits: Mapping[str, float], bound: Bound) -> None:
        if not limits:
            raise TypeError("at least one limit must be given, as relative_drift=0.05")
        for name, limit in limits.items():
            check_range(name, limit)
        conditions = [Condition(name, relation, each) for name, each in limits.items()]
        check_conditions(self.content, conditions, bound)
