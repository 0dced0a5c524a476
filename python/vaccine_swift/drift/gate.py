"""Conditions on a report, and the error when one does not hold."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.drift.report_schema import METRICS, estimate, shown, shown_ends

__all__ = [
    "TEST_FIELDS",
    "Condition",
    "DriftExceeded",
    "Numbers",
    "check_conditions",
    "check_numbers",
    "number_failure",
]

Numbers = dict[str, tuple[float, str | None]]
"""Numbers by name, each with the reason for which it is missing."""
Bound = Literal["high", "low", "value"]

_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TEXT: Final = re.compile(r"\s*([^<>=\s][^<>=]*?)\s*(<=|>=|<|>)\s*([^\s<>=]+)\s*")
_MOST_KNOWN: Final = 8
"""Names that an error lists."""
TEST_FIELDS: Final = ("p_value", "statistic", "z", "effect_size")


class DriftExceeded(AssertionError):
    """A condition on a report does not hold.

    Attributes
    ----------
    failures : tuple of str
        One line for each condition that fails.
    """

    def __init__(self, failures: Iterable[str]) -> None:
        self.failures = tuple(failures)
        super().__init__("; ".join(self.failures))

    def __reduce__(self) -> tuple[type[DriftExceeded], tuple[tuple[str, ...]]]:
        """Pickle by the failures, which are not the message."""
        return DriftExceeded, (self.failures,)


@dataclass(frozen=True, slots=True)
class Condition:
    """``metric < limit``, or with another of ``<=``, ``>``, ``>=``.

    Parameters
    ----------
    name : str
        A metric such as ``relative_drift``; ``group.metric`` for a group; or a
        test's number such as ``signflip.p_value``.
    relation : {"<", "<=", ">", ">="}
        What has to hold.
    limit : float
        Finite.
    """

    name: str
    relation: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read ``"relative_drift<0.05"``; the limit may be in per cent, ``"5%"``.

        Raises
        ------
        ValueError
            When it does not have this form.

        Examples
        --------
        >>> Condition.parse("relative_drift < 5%")
        Condition(name='relative_drift', relation='<', limit=0.05)
        """
        found = _TEXT.fullmatch(text)
        try:
            if found is None:
                raise ValueError
            number = found[3]
            limit = float(number.removesuffix("%")) / (
                100 if number.endswith("%") else 1
            )
            check_range("limit", limit)
        except ValueError:
            raise ValueError(
                f"a condition must look like relative_drift<0.05, got {text!r}"
            ) from None
        return cls(found[1], found[2], limit)

    def holds(self, value: float) -> bool:
        """Whether a value fulfils it; NaN and infinity do not."""
        return math.isfinite(value) and _OPERATORS[self.relation](value, self.limit)

    def failures(self, report: Mapping[str, Any], bound: Bound | None) -> list[str]:
        """A line for each place of the report where the condition does not hold.

        A metric that is known for all layers together is looked at there, another
        one at every layer. A value that is NaN does not hold.

        Raises
        ------
        ValueError
            When the report has no such metric, group or test.
        """
        side = bound or ("high" if self.relation.startswith("<") else "low")
        lines = []
        for place, entry in _entries(report, self.name):
            value, low, high = estimate(entry)
            ends = {"value": value, "low": low, "high": high}
            seen = ends[side] if math.isfinite(ends[side]) else value
            if self.holds(seen):
                continue
            measured = _measured(self.name, ends)
            reason = f" ({entry['reason']})" if entry.get("reason") else ""
            what = "" if side == "value" else f" at its {side} bound"
            limit = shown(_metric(self.name), self.limit)
            lines.append(
                f"{self.name} must be {self.relation} {limit}{what}, "
                f"got {measured}{reason}{place}"
            )
        return lines


def check_conditions(
    report: Mapping[str, Any], conditions: Iterable[Condition], bound: Bound | None
) -> None:
    """Raise `DriftExceeded` with all failures, if there is one."""
    if bound not in ("high", "low", "value", None):
        raise ValueError(f"bound must be 'high', 'low' or 'value', got {bound!r}")
    failures = [
        line for condition in conditions for line in condition.failures(report, bound)
    ]
    if failures:
        raise DriftExceeded(failures)


def check_numbers(conditions: Sequence[str], numbers: Numbers) -> None:
    """Raise `DriftExceeded` with a line for each condition that does not hold.

    Raises
    ------
    ValueError
        When there is no condition, one cannot be read, or there is no such number.
    """
    if not conditions:
        raise ValueError("conditions must hold at least one condition, got none")
    failed = [number_failure(text, numbers) for text in conditions]
    failures = [each for each in failed if each is not None]
    if failures:
        raise DriftExceeded(failures)


def number_failure(text: str, numbers: Numbers) -> str | None:
    """Why a condition does not hold, None where it does.

    Raises
    ------
    ValueError
        When it cannot be read, or there is no such number.
    """
    condition = Condition.parse(text)
    if condition.name not in numbers:
        hint = nearest(condition.name, numbers)
        known = _alike(condition.name, numbers)
        if known or not hint:
            known = known or _least_known(numbers)
            more = "" if len(known) <= _MOST_KNOWN else " and others"
            hint += f" Known are {', '.join(known[:_MOST_KNOWN])}{more}."
        raise ValueError(f"the report has no number {condition.name!r}.{hint}")
    value, reason = numbers[condition.name]
    if condition.holds(value):
        return None
    why = f" ({reason})" if reason else ""
    return (
        f"{condition.name} must be {condition.relation} {shown('', condition.limit)}, "
        f"got {shown('', value)}{why}"
    )


def _least_known(numbers: Numbers) -> list[str]:
    """Names of no one segment and test, then the p-values of each."""
    plain = [name for name in numbers if "." not in name]
    return plain + [name for name in numbers if name.endswith(".p_value")]


def _alike(name: str, numbers: Numbers) -> list[str]:
    """Names of the same number of other segments or tests."""
    return [
        known
        for known in numbers
        if _metric(known) == _metric(name) and known.count(".") == name.count(".")
    ]


def _metric(name: str) -> str:
    return name.rpartition(".")[2]


def _measured(name: str, ends: Mapping[str, float]) -> str:
    key = _metric(name)
    value = shown(key, ends["value"])
    low, high = shown_ends(key, ends["low"], ends["high"])
    return value if low == high == "–" else f"{value} ({low} to {high})"


def _entries(
    report: Mapping[str, Any], name: str
) -> list[tuple[str, Mapping[str, Any]]]:
    """Where a name is measured: (" in layer 3", entry) or ("", entry)."""
    owner, _, key = name.rpartition(".")
    if owner in report["tests"]:
        test = report["tests"][owner]
        if key not in TEST_FIELDS:
            raise ValueError(_unknown("test field", name, _names(report)))
        if test.get("permutations") == 0 and key in ("p_value", "z"):
            raise ValueError(
                f"{name} cannot be a condition: the report was made with 0 "
                "permutations, so nothing was tested"
            )
        return [("", {"value": test[key]})]
    part = report if not owner else report["groups"].get(owner)
    if part is None:
        raise ValueError(_unknown("group or test", name, _names(report)))
    if key in part["overall"]:
        return [("", part["overall"][key])]
    found = [
        (f" in layer {index}", layer[key])
        for index, layer in enumerate(part["layers"])
        if key in layer
    ]
    if not found:
        unknown = _unknown("metric", name, _names(report))
        raise ValueError(_needed(report, key) or unknown)
    return found


def _needed(report: Mapping[str, Any], key: str) -> str | None:
    """Why a metric that there is is not in the report."""
    reason = report.get("left_out", {}).get(key)
    if reason is None and key in METRICS and report["settings"].get("tier") == "light":
        reason = "it needs tier 'sketch' or 'full', this report is of 'light'"
    return reason and f"the report has no metric {key!r}: {reason}"


def _names(report: Mapping[str, Any]) -> list[str]:
    metrics = {*report["overall"], *(key for each in report["layers"] for key in each)}
    names = sorted(metrics)
    names += [f"{group}.relative_drift" for group in report["groups"]]
    return names + [f"{test}.p_value" for test in report["tests"]]


def _unknown(what: str, name: str, known: list[str]) -> str:
    hint = nearest(name, known) or f" Known are {', '.join(known)}."
    return f"the report has no {what} {name!r}.{hint}"
