"""What was found, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from vaccine_swift._report.svg import escaped
from vaccine_swift.study.metrics import METRICS
from vaccine_swift.study.report._content import Content, Entry
from vaccine_swift.study.resampling import DRAWS
from vaccine_swift.study.statistics import LEVEL

__all__ = ["by_metric", "findings", "method_note", "p_shown", "seeds_sentence"]
__all__ += ["with_unit"]


def findings(content: Content) -> str:
    """What is significant after correction, and what is not."""
    found = by_metric(content.differences)
    if not found:
        return (
            '<p class="lead">Nothing is compared: there is no arm beside '
            f"{escaped(content.baseline)}, or they share no seed and prompts.</p>"
        )
    sure = [each for each in found if each["significant"]]
    rest = [each for each in found if not each["significant"]]
    base = escaped(found[0]["baseline"])
    lead = (
        f"<b>{len(sure)} of {len(found)}</b> differences to {base} after the attack "
        f"are significant after Holm's correction (level {LEVEL:g})"
    )
    if content.seeds() == 1:
        lead += ", for these trained models: one seed says nothing of the methods"
    text = f'<p class="lead">{lead}.</p>'
    if sure:
        text += _list([_sentence(content, each) for each in sure])
    if rest:
        lines = _list([_sentence(content, each) for each in rest])
        text += (
            f"<details><summary>{len(rest)} not significant</summary>"
            '<p class="soft">Not significant does not mean equal: the interval says '
            "which differences the data allow, and the detectable difference how large "
            "a true one about 80 % of such studies would have found.</p>"
            f"{lines}</details>"
        )
    return text


def seeds_sentence(count: int) -> str:
    """What so many seeds can show and what not."""
    if count == 1:
        return (
            "One seed: the intervals are over prompts only. They say how these trained "
            "models would do on other requests of the kind, and nothing of how another "
            "run of the training would come out; no difference between methods can be "
            "claimed from it."
        )
    freedom = f"{count} seeds: the intervals are over seeds and prompts. "
    if count < 5:
        return freedom + (
            "So few runs show only differences that are large beside the spread "
            "between runs, which they hardly measure; a null result says little."
        )
    return freedom + (
        "They show differences that are large beside the spread between runs; the "
        "detectable difference says how large. They say nothing of other models, data "
        "or attacks."
    )


def method_note(content: Content) -> str:
    """How intervals and p-values come about."""
    return (
        f"95 % intervals: Student's t times the standard error of {DRAWS} bootstrap "
        "draws of seeds and acts (a request's act is the unit, as its phrasings are "
        "alike). Differences are paired by seed and prompt. p over acts: sign flips, "
        "for these trained models; p: the larger one of it and of a t test over seeds "
        "and acts; Holm's correction over all "
        f"{len(content.differences)} differences."
    )


def by_metric(entries: Iterable[Entry]) -> list[Entry]:
    """Entries of one metric after those of another, else in their order."""
    order = list(METRICS)
    return sorted(entries, key=lambda entry: order.index(entry["metric"]))


def p_shown(value: float) -> str:
    """A p-value for people."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def with_unit(metric: str, value: float, *, signed: bool = False) -> str:
    """A value or difference with its unit; a difference of per cents is in points."""
    described = METRICS[metric]
    unit = described.unit
    if unit == "%" and signed:
        unit = "points"
    return f"{described.shown(value, signed=signed)} {unit}".rstrip()


def _sentence(content: Content, entry: Entry) -> str:
    described = METRICS[entry["metric"]]
    value = entry["difference"]
    where = content.place_name((name, entry[name]) for name in content.varied())
    size = with_unit(entry["metric"], abs(value))
    size = size.replace("%", "points")
    if entry["significant"]:
        better = (value < 0) == (described.better == "lower")
        direction = "lower" if value < 0 else "higher"
        text = (
            f"<b>{escaped(entry['label'])}</b>{f' at {where}' if where else ''}: "
            f"{described.label.lower()} {size} {direction} "
            f"({'better' if better else 'worse'}"
        )
    else:
        text = (
            f"{escaped(entry['label'])}{f' at {where}' if where else ''}: "
            f"{described.label.lower()} "
            f"{with_unit(entry['metric'], value, signed=True)} ("
        ).rstrip()
    joint = "; " if entry["significant"] else ""
    if entry["low"] is not None and math.isfinite(entry["low"]):
        low, high = (
            described.shown(entry[end], signed=True) for end in ("low", "high")
        )
        text += f"{joint}{low} to {high}"
        joint = "; "
    return f"{text}{joint}Holm p {p_equals(entry['p_holm'])})."


def p_equals(value: float) -> str:
    """A p-value after the letter p."""
    shown = p_shown(value)
    return shown if shown.startswith("<") else f"= {shown}"


def _list(lines: Sequence[str]) -> str:
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f'<ul class="plain">{items}</ul>'
