"""What a report of windows holds, and what its numbers say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from vaccine_swift._plurals import counted
from vaccine_swift.drift.gate import Numbers
from vaccine_swift.drift.provenance import provenance
from vaccine_swift.drift.two_sample_content import (
    ALL,
    listed,
    or_nan,
    segment_numbers,
)
from vaccine_swift.drift.windows_state import WindowsState
from vaccine_swift.statistics import rank_log_evidence

__all__ = [
    "SCHEMA",
    "alarms",
    "last",
    "most_evident",
    "moved_in",
    "numbers",
    "sentence",
]
__all__ += ["windows_content"]

SCHEMA: Final = "vaccine_swift.drift.windows/1"
_LARGEST: Final = 300 * math.log(10)
"""Logarithm of the largest evidence that is told."""


def windows_content(
    state: WindowsState, metadata: Mapping[str, Any], until: str | None = None
) -> dict[str, Any]:
    """The report of a state, as plain values, as it stood after one of its windows.

    Parameters
    ----------
    state : WindowsState
    metadata : mapping
    until : str, optional
        The last window that is in it; by default the last that was tested.
    """
    count = len(state.tested) if until is None else state.names().index(until) + 1
    windows = [
        {name: found[name] for name in ("name", "rows", "new")}
        | {"lines": {line: dict(each) for line, each in found["lines"].items()}}
        for found in state.tested[:count]
    ]
    for line in state.lines:
        entries = [each["lines"][line] for each in windows]
        ranked = [entry for entry in entries if entry["rank"]]
        course = rank_log_evidence(entry["rank"] for entry in ranked)
        for entry, value in zip(ranked, course, strict=True):
            entry["evidence"] = math.exp(min(value, _LARGEST))
        known = 1.0
        for entry in entries:
            known = entry.setdefault("evidence", known)
    return {
        "schema": SCHEMA,
        "settings": {
            "reference": len(state.reference),
            "width": state.reference.rows.shape[1],
            "lines": list(state.lines),
            "tests": list(state.tests),
            "permutations": state.permutations,
            "level": state.level,
            "threshold": state.threshold,
            "most_rows": state.most_rows,
            "seed": state.seed,
            **provenance(metadata),
        },
        "windows": windows,
    }


def alarms(content: Mapping[str, Any]) -> dict[str, str]:
    """The first window at which each line has its alarm, of lines that have one."""
    found: dict[str, str] = {}
    threshold = content["settings"]["threshold"]
    for window in content["windows"]:
        for line, entry in window["lines"].items():
            if entry["evidence"] >= threshold:
                found.setdefault(line, window["name"])
    return {line: found[line] for line in content["settings"]["lines"] if line in found}


def sentence(content: Mapping[str, Any]) -> str:
    """What was found, in one sentence."""
    windows, lines = content["windows"], content["settings"]["lines"]
    if not windows:
        return "No window was tested."
    found = alarms(content)
    if lines == [ALL]:
        if found:
            return f"The windows have drifted (alarm since {found[ALL]})."
        return f"No drift was found in {counted(len(windows), 'window')}."
    hit = [line for line in lines[1:] if line in found]
    still = [line for line in lines[1:] if line not in found]
    parts = []
    if len(hit) == 1:
        parts.append(f"{hit[0]} has drifted (alarm since {found[hit[0]]})")
    elif hit:
        told = listed([f"{line} (alarm since {found[line]})" for line in hit])
        parts.append(f"{told} have drifted")
    elif ALL in found:
        parts.append(f"all rows together have drifted (alarm since {found[ALL]})")
    if still:
        parts.append(f"no drift was found in {listed(still)}")
    text = "; ".join(parts)
    return f"{text}." if hit else f"{text[0].upper()}{text[1:]}."


def most_evident(content: Mapping[str, Any], count: int) -> list[str]:
    """All rows together and the lines with the most evidence, in their order."""
    lines: list[str] = content["settings"]["lines"]
    if len(lines) <= count or not content["windows"]:
        return lines[:count]
    most = {
        line: max(window["lines"][line]["evidence"] for window in content["windows"])
        for line in lines
    }
    chosen = set(sorted(lines[1:], key=lambda line: -most[line])[: count - 1])
    return [line for line in lines if line == ALL or line in chosen]


def moved_in(window: Mapping[str, Any], level: float) -> list[str]:
    """Lines that differ from the reference in one window by itself."""
    return [
        line
        for line, entry in window["lines"].items()
        if or_nan(entry["p_value"]) <= level
    ]


def last(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The last window, None where there is none."""
    return content["windows"][-1] if content["windows"] else None


def numbers(content: Mapping[str, Any]) -> Numbers:
    """Numbers of the last window by name, and how many lines have an alarm."""
    found: Numbers = {"alarms": (float(len(alarms(content))), None)}
    window = last(content)
    if window is None:
        return found
    lines = window["lines"]
    found |= segment_numbers(lines, content["settings"]["tests"])
    for line, entry in lines.items():
        found[f"{line}.evidence"] = (entry["evidence"], None)
    found["evidence"] = found[f"{ALL}.evidence"]
    return found
