"""Charts of the metrics: against what was varied, before and after, traded off."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vaccine_swift.pages.drawing import Curve, Drawing, Point
from vaccine_swift.study.arms import method_title
from vaccine_swift.study.cells import PLACE
from vaccine_swift.study.metrics import METRICS
from vaccine_swift.study.report.content import Content, Entry, field_name

__all__ = ["parameters", "stages", "sweep", "trade_off"]

_X_LABELS: Final = {
    "poison": "share p of harmful rows",
    "samples": "rows n of the user's data",
    "rho": "perturbation norm ρ",
    "every": "perturbation every τ steps",
    "variance": "variance of the random perturbation",
}
_OF_ARM: Final = ("rho", "variance", "every")


def parameters(content: Content) -> list[str]:
    """What takes several numeric values, each a possible x axis; p comes first."""
    found = [name for name in content.varied() if _numeric(content, name)]
    for name in _of_arm(content):
        values: dict[str, set[Any]] = {}
        for entry in content.summary:
            values.setdefault(entry["method"], set()).add(entry[name])
        known = [each - {None} for each in values.values()]
        if any(len(each) > 1 and all(map(_is_number, each)) for each in known):
            found.append(name)
    return found


def _of_arm(content: Content) -> tuple[str, ...]:
    """What a method's arms may differ in."""
    more = next(iter(content.grid)).parameters
    return (*_OF_ARM, *(name for name, _ in more))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def stages(content: Content, metric: str) -> Iterator[Drawing]:
    """A metric before and after the attack, for each place of the grid."""
    for place, entries in _by_place(content, metric, ("before", "after")).items():
        curves = []
        for index, (label, style) in enumerate(content.styles.items()):
            points = [
                _point(("before", "after").index(each["stage"]), each)
                for each in entries
                if each["label"] == label
            ]
            if points:
                shift = 0.025 * (index - (len(content.styles) - 1) / 2)
                curves.append(Curve(label, style, tuple(points), shift=shift))
        yield _drawing(
            content,
            f"{metric}_stages",
            metric,
            curves,
            place,
            x_label="the attack",
            ticks=(0.0, 1.0),
            tick_names=("before", "after"),
        )


def sweep(content: Content, metric: str, parameter: str) -> Iterator[Drawing]:
    """A metric after the attack against a parameter, for each value of the others."""
    places = _by_place(content, metric, ("after",), but=parameter)
    for place, entries in places.items():
        ticks = sorted({e[parameter] for e in entries if e[parameter] is not None})
        if len(ticks) < 2:
            continue
        arms = _by_arm(content, entries, parameter)
        step = 0.0 if parameter in _of_arm(content) else 0.01 * (ticks[-1] - ticks[0])
        curves = []
        for index, ((label, style), each) in enumerate(arms.items()):
            if each[0][parameter] is None:
                level = tuple(_point(x, each[0]) for x in (ticks[0], ticks[-1]))
                style = f"{style} dashed"
                curves.append(Curve(label, style, level, dots=False, band=True))
                continue
            points = tuple(_point(entry[parameter], entry) for entry in each)
            shift = step * (index - (len(arms) - 1) / 2)
            curves.append(Curve(label, style, points, shift=shift))
        yield _drawing(
            content,
            f"{metric}_by_{parameter.replace('.', '_')}",
            metric,
            curves,
            place,
            but=parameter,
            x_label=_X_LABELS.get(parameter, parameter),
            ticks=tuple(map(float, ticks)),
        )


def trade_off(content: Content, parameter: str = "poison") -> Iterator[Drawing]:
    """Fine-tune accuracy against harmful score, along a parameter."""
    places = _by_place(content, "harmful_score", ("after",), but=parameter)
    accuracies = _by_place(content, "fine_tune_accuracy", ("after",), but=parameter)
    name = field_name(parameter)
    for place, entries in places.items():
        partners = {
            (each["label"], each[parameter]): each for each in accuracies.get(place, ())
        }
        curves = []
        directions: set[str] = set()
        for (label, style), each in _by_arm(content, entries, parameter).items():
            both = [
                (entry, partners[entry["label"], entry[parameter]])
                for entry in each
                if (entry["label"], entry[parameter]) in partners
            ]
            if len(both) == 1:
                curves.append(Curve(label, style, (_crossed(*both[0]),)))
            elif both:
                # Intervals and names would lie over each other.
                notes = [f"{name} = {x[parameter]:g}" for x, _ in both]
                points = [
                    Point(x["mean"], y["mean"], note=note)
                    for (x, y), note in zip(both, notes, strict=True)
                ]
                points[-1] = dataclasses.replace(points[-1], large=True)
                directions.add(f"{notes[0]} to {notes[-1]}, the larger dot")
                curves.append(Curve(label, style, tuple(points)))
        if curves:
            yield _drawing(
                content,
                "trade_off",
                "fine_tune_accuracy",
                curves,
                place,
                but=parameter,
                title="Harm against use",
                x_label="harmful score, %",
                zero=False,
                note="Better is up and left."
                + "".join(f" Lines run from {each}." for each in sorted(directions)),
            )


def _crossed(score: Entry, accuracy: Entry) -> Point:
    return Point(
        score["mean"],
        accuracy["mean"],
        accuracy["low"],
        accuracy["high"],
        score["low"],
        score["high"],
    )


def _by_arm(
    content: Content, entries: Iterable[Entry], parameter: str
) -> dict[tuple[str, str], list[Entry]]:
    """Entries by the label and style of their curve, along the parameter."""
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        method = str(entry["method"])
        if parameter in _of_arm(content):
            name, style = method_title(method), content.method_styles[method]
        else:
            name, style = entry["label"], content.styles[entry["label"]]
        found.setdefault((name, style), []).append(entry)
    for each in found.values():
        each.sort(key=lambda entry: (entry[parameter] is not None, entry[parameter]))
    return found


def _point(x: float, entry: Entry) -> Point:
    return Point(float(x), entry["mean"], entry["low"], entry["high"])


def _by_place(
    content: Content, metric: str, chosen: Iterable[str], *, but: str = ""
) -> Mapping[tuple[tuple[str, Any], ...], list[Entry]]:
    """Entries of a metric by all fields of the place except `but`."""
    names = [name for name in dict.fromkeys((*PLACE, *content.varied())) if name != but]
    found: dict[tuple[tuple[str, Any], ...], list[Entry]] = {}
    for entry in content.summary:
        if entry["metric"] == metric and entry["stage"] in chosen:
            place = tuple((name, entry[name]) for name in names)
            found.setdefault(place, []).append(entry)
    return found


def _drawing(
    content: Content,
    name: str,
    metric: str,
    curves: Iterable[Curve],
    place: Iterable[tuple[str, Any]],
    *,
    x_label: str,
    but: str = "",
    title: str = "",
    zero: bool = True,
    **more: Any,
) -> Drawing:
    described = METRICS[metric]
    unit = f", {described.unit}" if described.unit else ""
    where = content.place_name(place, but=but)
    suffix = "".join(
        f"_{field}_{value}"
        for field, value in place
        if field in content.varied() and field != but
    )
    return Drawing(
        name + suffix.replace(".", "_").replace("/", "_"),
        (title or described.label) + (f", {where}" if where else ""),
        x_label,
        f"{described.label.lower()}{unit}",
        tuple(curves),
        zero=zero and metric != "perplexity",
        **more,
    )


def _numeric(content: Content, name: str) -> bool:
    values = [dict(cell.place)[name] for cell in content.grid]
    return all(map(_is_number, values))
