"""What was found, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from vaccine_swift._plurals import counted, plural
from vaccine_swift.study.metrics import METRICS
from vaccine_swift.study.report.content import Content, Entry
from vaccine_swift.study.resampling import DRAWS
from vaccine_swift.study.statistics import LEVEL

__all__ = ["Findings", "Sentence", "by_metric", "findings", "method_note", "p_shown"]
__all__ += ["nothing_moved", "seeds_sentence"]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A difference in words.

    Parameters
    ----------
    arm : str
        The label that the sentence begins with.
    words : str
        What follows.
    significant : bool
    """

    arm: str
    words: str
    significant: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """What is significant after correction, and what is not.

    Parameters
    ----------
    count : str
        "4 of 6", or empty where nothing is compared.
    words : str
        What follows it.
    sure, rest : list of Sentence
    """

    count: str
    words: str
    sure: list[Sentence]
    rest: list[Sentence]


def findings(content: Content) -> Findings:
    """The differences of a study in words."""
    found = by_metric(content.differences)
    if not found:
        words = (
            "Nothing is compared: there is no arm beside "
            f"{content.baseline}, or they share no seed and prompts."
        )
        return Findings("", words, [], [])
    sentences = [_sentence(content, each) for each in found]
    sure = [each for each in sentences if each.significant]
    rest = [each for each in sentences if not each.significant]
    words = (
        f"{plural(len(found), 'difference')} to {found[0]['baseline']} after the "
        f"attack {plural(len(sure), 'is', 'are')} significant after Holm's correction "
        f"(level {LEVEL:g})"
    )
    if content.seeds() == 1:
        words += ", for these trained models: one seed says nothing of the methods"
    return Findings(f"{len(sure)} of {len(found)}", f"{words}.", sure, rest)


def seeds_sentence(count: int) -> str:
    """What so many seeds can show and what not."""
    if count == 1:
        return (
            "One seed: the intervals are over prompts only. They say how these trained "
            "models would do on other requests of the kind, and nothing of how another "
            "run of the training would come out; no difference between methods can be "
            "claimed from it."
        )
    freedom = f"{counted(count, 'seed')}: the intervals are over seeds and prompts. "
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
        "alike). Differences are paired by seed and prompt. p-value over acts: sign "
        "flips, for these trained models; p-value: the larger one of it and of a t "
        "test over seeds and acts; Holm's correction over all "
        f"{counted(len(content.differences), 'difference')}."
    )


def by_metric(entries: Iterable[Entry]) -> list[Entry]:
    """Entries of one metric after those of another, else in their order."""
    order = list(METRICS)
    return sorted(entries, key=lambda entry: order.index(entry["metric"]))


def p_shown(value: float) -> str:
    """A p-value for people."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def p_equals(value: float) -> str:
    """A p-value after the letter p."""
    shown = p_shown(value)
    return shown if shown.startswith("<") else f"= {shown}"


def nothing_moved(entry: Entry) -> bool:
    """Whether two arms gave the same on every prompt at every seed."""
    return entry["difference"] == entry["low"] == entry["high"] == 0


def _sentence(content: Content, entry: Entry) -> Sentence:
    described = METRICS[entry["metric"]]
    value, significant = entry["difference"], bool(entry["significant"])
    where = content.place_name((name, entry[name]) for name in content.varied())
    begins = f"{f' at {where}' if where else ''}: "
    if nothing_moved(entry):
        words = f"{described.label.lower()} is the same on every prompt."
        return Sentence(entry["label"], begins + words, significant)
    # A difference of per cents is in points.
    unit = described.unit.replace("%", "points")
    notes = []
    if significant:
        better = (value < 0) == (described.better == "lower")
        size = f"{described.shown(abs(value))} {unit}".rstrip()
        told = f"{size} {'lower' if value < 0 else 'higher'}"
        notes.append("better" if better else "worse")
    else:
        told = f"{described.shown(value, signed=True)} {unit}".rstrip()
    if entry["low"] is not None and math.isfinite(entry["low"]):
        ends = (described.shown(entry[end], signed=True) for end in ("low", "high"))
        notes.append(" to ".join(ends))
    notes.append(f"Holm p {p_equals(entry['p_holm'])}")
    return Sentence(
        entry["label"],
        f"{begins}{described.label.lower()} {told} ({'; '.join(notes)}).",
        significant,
    )
