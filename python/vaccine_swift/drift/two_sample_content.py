"""What the numbers of a report of two samples say: who moved, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from vaccine_swift._plurals import plural
from vaccine_swift.drift.gate import Numbers
from vaccine_swift.drift.report_schema import shown

__all__ = [
    "ALL",
    "SCHEMA",
    "SEGMENT_FIELDS",
    "SEGMENT_TEST_FIELDS",
    "listed",
    "most_moved",
    "moved",
    "or_nan",
    "segment_numbers",
    "sentence",
]

SCHEMA: Final = "vaccine_swift.drift.two_sample/1"
ALL: Final = "all"
"""The name of all rows together."""
SEGMENT_FIELDS: Final = ("p_value", "mean_shift")
"""Numbers of a segment that conditions name."""
SEGMENT_TEST_FIELDS: Final = ("p_value", "p_holm", "statistic", "effect_size")
"""Those of a test of a segment."""
_MOST_LISTED: Final = 8


def moved(content: Mapping[str, Any]) -> list[str]:
    """Segments with a corrected p-value at the level or below, in their order."""
    level = content["settings"]["level"]
    return [name for name, p in _p_values(content).items() if p <= level]


def sentence(content: Mapping[str, Any]) -> str:
    """What was found, in one sentence."""
    values, changed = _p_values(content), moved(content)
    segments = [name for name in values if name != ALL]
    if not segments:
        if not math.isfinite(values[ALL]):
            return "Nothing was tested: there are too few rows."
        found = "The two sets differ" if changed else "No difference was found"
        return f"{found} (p = {shown('', values[ALL])})."
    parts = []
    hit = [name for name in segments if name in changed]
    still = [n for n in segments if n not in changed and math.isfinite(values[n])]
    entries = content["segments"]
    untested: dict[str, list[str]] = {}
    for name in segments:
        if not math.isfinite(values[name]):
            untested.setdefault(_fate(entries[name]), []).append(name)
    if hit:
        parts.append(f"{listed(hit)} moved")
    if still:
        parts.append(f"no change was found in {listed(still)}")
    if not hit and ALL in changed:
        parts.insert(0, "all rows together differ")
    for fate, names in untested.items():
        verb = plural(len(names), "has", "have")
        parts.append(f"{listed(names)} {verb} {fate}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if not hit else f"{text}."


def most_moved(content: Mapping[str, Any], count: int) -> list[str]:
    """All rows together and the segments that moved most, in their order."""
    entries = content["segments"]
    if len(entries) <= count:
        return list(entries)
    p_values = _p_values(content)

    def rank(name: str) -> tuple[bool, float, float]:
        shift = or_nan(entries[name]["mean_shift"])
        known = math.isfinite(p_values[name]) and math.isfinite(shift)
        return (name != ALL, p_values[name], -shift) if known else (True, 2.0, 0.0)

    chosen = set(sorted(entries, key=rank)[:count])
    return [name for name in entries if name in chosen]


def or_nan(value: float | None) -> float:
    """The number, NaN where there is none."""
    return math.nan if value is None else float(value)


def segment_numbers(
    segments: Mapping[str, Mapping[str, Any]], tests: Sequence[str]
) -> Numbers:
    """``segment.p_value`` and the like; of all rows together, ``p_value`` too."""
    numbers: Numbers = {}
    for segment, entry in segments.items():
        for prefix in (f"{segment}.", *([""] if segment == ALL else [])):
            for key in SEGMENT_FIELDS:
                numbers[prefix + key] = (or_nan(entry[key]), entry["reason"])
            for test in tests:
                found = entry["tests"].get(test, {})
                for key in SEGMENT_TEST_FIELDS:
                    value = or_nan(found.get(key))
                    numbers[f"{prefix}{test}.{key}"] = (value, entry["reason"])
    return numbers


def _p_values(content: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: or_nan(entry["p_value"]) for name, entry in content["segments"].items()
    }


def _fate(entry: Mapping[str, Any]) -> str:
    if not entry["current"]:
        return "no rows in the current set"
    return "too few rows to test" if entry["reference"] else "no rows in the reference"


def listed(names: list[str]) -> str:
    """Names in a sentence, the first eight of many."""
    if len(names) == 1:
        return names[0]
    if len(names) > _MOST_LISTED:
        return f"{', '.join(names[:_MOST_LISTED])} and {len(names) - _MOST_LISTED} more"
    return f"{', '.join(names[:-1])} and {names[-1]}"
