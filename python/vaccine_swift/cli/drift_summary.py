"""The lines that ``vaccine-swift drift`` prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vaccine_swift._plurals import counted
from vaccine_swift.drift import Report, TwoSampleReport, WindowsReport
from vaccine_swift.drift.page_tables import ordered_metrics
from vaccine_swift.drift.report_schema import (
    estimate,
    metric,
    shown,
    shown_ends,
    shown_interval,
    widths_text,
)

__all__ = ["summary", "two_sample_summary", "windows_summary"]


def summary(report: Report) -> str:
    """Metrics of all layers together, the layer that moved most, groups, tests."""
    content = report.content
    settings = content["settings"]
    size = f"{counted(settings['layers'], 'layer')} of width {widths_text(settings)}"
    rows = (
        f"{counted(settings['prompts'], 'prompt')}, {counted(settings['rows'], 'row')}"
    )
    if "left_out" in content:
        return "\n".join([f"{rows}, {size}", "", *_alike(content)])
    lines = [f"{rows}, {size}, tier {settings['tier']}", ""]
    for name, entry in content["overall"].items():
        lines.append(_line(metric(name).label, name, entry))
    drifts = [estimate(each.get("relative_drift"))[0] for each in content["layers"]]
    known = [index for index, value in enumerate(drifts) if math.isfinite(value)]
    if len(known) > 1:
        top = max(known, key=lambda index: drifts[index])
        entry = content["layers"][top]["relative_drift"]
        lines.append(_line(f"most in layer {top}", "relative_drift", entry))
    for group, part in content["groups"].items():
        entry = part["overall"].get("relative_drift")
        text = f"relative drift, {_one_line(group)} ({part['prompts']})"
        lines.append(_line(text, "relative_drift", entry))
    floor = content["floor"]
    if floor:
        below = sum(map(bool, floor["below"]))
        text = f"below the floor ({floor['source']})"
        lines.append(f"{text:<34} {below} of {counted(len(floor['below']), 'layer')}")
    if content["tests"]:
        lines.append("")
    for name, test in content["tests"].items():
        z = "" if test.get("z") is None else f", z = {shown('', test['z'])}"
        ratio = (test.get("details") or {}).get("ratio")
        effect = ""
        if ratio:
            value, *ends = estimate(ratio)
            effect = (
                f", ratio {shown('', value)} ({' to '.join(shown_ends('', *ends))})"
            )
        lines.append(
            f"{name:<34} p = {shown('', test['p_value'])}{z}, "
            f"{counted(test['permutations'], 'permutation')}{effect}"
        )
    return "\n".join(lines)


def _one_line(name: str) -> str:
    """A label without the ends of its lines."""
    return " ".join(name.split())


def two_sample_summary(report: TwoSampleReport) -> str:
    """The sentence, and a line for each segment with its corrected p-values."""
    content = report.content
    tests = content["settings"]["tests"]
    lines = [report.sentence, ""]
    for name, entry in content["segments"].items():
        size = f"{entry['reference']} and {counted(entry['current'], 'row')}"
        if entry["reason"]:
            lines.append(f"{_one_line(name):<22} {size}: {entry['reason']}")
            continue
        values = ", ".join(
            f"{test} p = {shown('', entry['tests'][test]['p_holm'])}" for test in tests
        )
        shift = shown("", entry["mean_shift"])
        lines.append(f"{_one_line(name):<22} {size}: shift {shift}, {values}")
    lines += ["", "p-values after Holm's correction; the shift in spreads of the rows"]
    return "\n".join(lines)


def windows_summary(report: WindowsReport) -> str:
    """The sentence, and a line for each line with where it stands."""
    content = report.content
    windows, threshold = content["windows"], content["settings"]["threshold"]
    lines = [report.sentence, ""]
    if not windows:
        return report.sentence
    last = windows[-1]
    for name, entry in last["lines"].items():
        size = f"{counted(entry['current'], 'row')} in {last['name']}"
        since = report.alarms.get(name)
        words = f"alarm since {since}" if since else "no alarm"
        found = (
            f"not tested: {entry['reason']}"
            if entry["reason"]
            else f"shift {shown('', entry['mean_shift'])}, "
            f"p = {shown('', entry['p_value'])}"
        )
        evidence = shown("", entry["evidence"])
        lines.append(
            f"{_one_line(name):<22} {size}: {words}, evidence {evidence}, {found}"
        )
    for name, count in last["new"].items():
        size = f"{counted(count, 'row')} in {last['name']}"
        lines.append(
            f"{_one_line(name):<22} {size}: no line, as the reference has no such rows"
        )
    lines += ["", f"an alarm: evidence of {threshold:g} or more; p: the last window by"]
    lines[-1] += " itself, after Holm's correction"
    return "\n".join(lines)


def _alike(content: Mapping[str, Any]) -> list[str]:
    """A line for each metric with its least layer, and what is left out."""
    lines = []
    for name in ordered_metrics(content):
        entries = [layer[name] for layer in content["layers"]]
        known = [each for each in entries if math.isfinite(estimate(each)[0])]
        least = min(known, key=lambda each: estimate(each)[0], default=entries[0])
        where = f", least in layer {entries.index(least)}" if len(entries) > 1 else ""
        lines.append(_line(metric(name).label, name, least) + where)
    by_reason: dict[str, list[str]] = {}
    for name, reason in content["left_out"].items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        lines += ["", f"left out: {reason}:", ", ".join(names)]
    return lines


def _line(text: str, name: str, entry: dict[str, float] | None) -> str:
    value, *ends = estimate(entry)
    interval = shown_interval(name, *ends)
    return f"{text:<34} {shown(name, value)}" + (f"  ({interval})" if interval else "")
