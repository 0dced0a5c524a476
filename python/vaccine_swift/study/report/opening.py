"""The page's first words: which model, the question, and the answer in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from vaccine_swift._plurals import counted
from vaccine_swift.study.arms import NONE
from vaccine_swift.study.metrics import METRICS
from vaccine_swift.study.report.content import Content, Entry
from vaccine_swift.study.settings import SMOLLM2

__all__ = ["Opening", "opening", "tiles"]

_SCORE: Final = "harmful_score"
_PER_CENT: Final = "\N{NO-BREAK SPACE}%"
_MOST_ARMS: Final = 5
_MOST_PLACES: Final = 6
_REFUSED: Final = {
    "over_refusal": "ordinary requests",
    "near_miss_refusal": "near misses, which share words with restricted requests",
}


@dataclass(frozen=True, slots=True)
class Opening:
    """Plain text.

    Parameters
    ----------
    subject : str
        Model, task and data; empty where rows do not say.
    question : str
    answers : list of str
        A paragraph for each place of the grid, and what they are worth.
    """

    subject: str
    question: str
    answers: list[str]


def opening(content: Content) -> Opening:
    """The words for a study's rows."""
    settings = content.rows[0]["settings"]
    model = settings.get("model")
    name = _model_name(str(model)) if model else "the model"
    task = content.rows[0]["task"]
    parts = [f"Model: {name}"] if model else []
    parts += [f"user's task: {PurePath(str(task)).stem}", _seeds(content)]
    question = (
        f"Does the alignment of {name} hold when a user fine-tunes it on data of which "
        "a share is harmful?"
    )
    answers = _answers(content)
    if answers:
        answers.append(_worth(content))
    return Opening("; ".join(parts) + ".", question, answers)


def tiles(content: Content) -> list[tuple[str, str]]:
    """The harmful score after the attack of each arm, over its places of the grid."""
    scores: dict[str, list[float]] = {}
    for entry in _scores(content, "after"):
        scores.setdefault(entry["label"], []).append(entry["mean"])
    shown = METRICS[_SCORE].shown
    entries = []
    for label, values in scores.items():
        low, high = shown(min(values)), shown(max(values))
        over = f", over {counted(len(values), 'cell')}" if len(values) > 1 else ""
        entries.append(
            (
                f"{low if low == high else f'{low} to {high}'}{_PER_CENT}",
                f"harmful score after the attack: {label}{over}",
            )
        )
    total = sum(sum((row.get("seconds") or {}).values()) for row in content.rows)
    entries.append((f"{total / 3600:.1f} h", "of computing"))
    return entries


def _answers(content: Content) -> list[str]:
    """What each arm did, before the attack and for each place of the grid after it."""
    places: dict[tuple[Any, ...], list[Entry]] = {}
    for entry in _scores(content, "after"):
        place = tuple((name, entry[name]) for name in content.varied())
        places.setdefault(place, []).append(entry)
    chosen = list(places.items())
    if len(chosen) > _MOST_PLACES:
        chosen = [chosen[0], chosen[len(chosen) // 2], chosen[-1]]
    before = {_key(content, each): each for each in _scores(content, "before")}
    found = []
    if chosen:
        former = [
            before.get(_key(content, each)) for each in _few(content, chosen[0][1])
        ]
        known = [each for each in former if each]
        if known:
            found.append(
                "Before the attack, the model complied with this share of restricted "
                f"requests: {_listed(known)}."
            )
    found += _refusals(content)
    for place, entries in chosen:
        where = _where(content, place, entries)
        shares = _listed(_few(content, entries))
        found.append(f"After the attack {where}, it complied with {shares}.")
    return found


def _refusals(content: Content) -> list[str]:
    """What the aligned models refused that they should not, before the attack."""
    told = []
    for metric, what in _REFUSED.items():
        entries = {
            _key(content, each)[0]: each
            for each in _scores(content, "before", metric)
            if each["method"] != NONE
        }
        if entries:
            told.append(f"{_listed(list(entries.values()))} of {what}")
    return [f"It refused, needlessly, {'; and '.join(told)}."] if told else []


def _model_name(model: str) -> str:
    return "SmolLM2-135M-Instruct" if model == SMOLLM2 else PurePath(model).name


def _listed(entries: Sequence[Entry]) -> str:
    texts = [
        f"{METRICS[each['metric']].shown(each['mean'])}{_PER_CENT} ({each['label']})"
        for each in entries
    ]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _where(content: Content, place: Any, entries: Sequence[Entry]) -> str:
    rows = f"with {100 * entries[0]['poison']:.3g} % harmful rows"
    rest = content.place_name(place, but="poison")
    return f"{rows} and {rest}" if rest else rows


def _few(content: Content, entries: Sequence[Entry]) -> Sequence[Entry]:
    """All arms, or the baseline, the lowest and the highest of many."""
    if len(entries) <= _MOST_ARMS:
        return entries
    ends = [min(entries, key=_mean), max(entries, key=_mean)]
    ends += [each for each in entries if content.baseline in _names(each)]
    return [each for each in entries if each in ends]


def _worth(content: Content) -> str:
    """Whether the differences may be chance."""
    if content.seeds() == 1:
        return "This is one seed, so the differences between arms may be chance."
    compared = [each for each in content.differences if each["metric"] == _SCORE]
    if not compared:
        return "There is no arm to compare with, so no difference is tested."
    base = compared[0]["baseline"]
    sure = [each for each in compared if each["significant"]]
    if not sure:
        return (
            f"Each difference to {base} may be chance, after correction for many "
            "comparisons."
        )
    places = []
    for each in sure:
        where = content.place_name((name, each[name]) for name in content.varied())
        places.append(f"{each['label']} at {where}" if where else each["label"])
    return (
        f"Different from {base} by more than chance, after correction for many "
        f"comparisons: {', '.join(places)}. Other differences in this score may be "
        "chance."
    )


def _seeds(content: Content) -> str:
    count, cells = content.seeds(), len(content.grid)
    fewest = min(len(of_seed) for of_seed in content.grid.values())
    words = "one seed" if count == 1 else counted(count, "seed")
    if fewest < count:
        words = f"{fewest} to {counted(count, 'seed')}"
    return f"{words}; {counted(cells, 'cell')} of the grid"


def _scores(content: Content, stage: str, metric: str = _SCORE) -> list[Entry]:
    return [
        each
        for each in content.summary
        if each["metric"] == metric and each["stage"] == stage
    ]


def _key(content: Content, entry: Entry) -> tuple[Any, ...]:
    return (entry["label"], *(entry[name] for name in content.varied()))


def _names(entry: Entry) -> tuple[Any, Any]:
    return entry["method"], entry["label"]


def _mean(entry: Entry) -> float:
    return float(entry["mean"])
