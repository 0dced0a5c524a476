"""Charts of the metrics: against what was varied, before and after, traded off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vaccine_swift.study.cells import PLACE
from vaccine_swift.study.metrics import METRICS
from vaccine_swift.study.report._arms import METHOD_NAMES, METHOD_STYLES
from vaccine_swift.study.report._content import Content, Entry
from vaccine_swift.study.report._drawings import Curve, Drawing, Point

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
    for name in _OF_ARM:
        values: dict[str, set[Any]] = {}
        for entry in content.summary:
            values.setdefault(entry["method"], set()).add(entry[name])
        if any(len(each - {None}) > 1 for each in values.values()):
            found.append(name)
    return found


def stages(content: Content, metric: str) -> Iterator[Drawing]:
    """A metric before and after the attack, for each place of the grid."""
    for place, entries in _by_place(content, metric, ("before", "after")).items():
        curves = []
        for index, (label, style) in enumerate(content.styles.items()):
            shift = 0.025 * (index - (len(content.styles) - 1) / 2)
            points = [
                _point(("before", "after").index(each["stage"]) + shift, each)
                for each in entries
                if each["label"] == label
            ]
            if points:
                curves.append(Curve(label, style, tuple(points)))
        yield _drawing(
            content,
            f"{metric}_stages",
            metric,
            curves,
            place,
            x_label="",
            ticks=(0.0, 1.0),
            tick_names=("before the attack", "after"),
        )


def sweep(content: Content, metric: str, parameter: str) -> Iterator[Drawing]:
    """A metric after the attack against a parameter, for each value of the others."""
    of_arm = parameter in _OF_ARM
    places = _by_place(content, metric, ("after",), but="" if of_arm else parameter)
    for place, entries in places.items():
        by_curve: dict[tuple[str, str], list[Entry]] = {}
        for entry in entries:
            name = (
                METHOD_NAMES.get(entry["method"], entry["method"])
                if of_arm
                else entry["label"]
            )
            style = (
                METHOD_STYLES.get(entry["method"], "e")
                if of_arm
                else content.styles[entry["label"]]
            )
            by_curve.setdefault((name, style), []).append(entry)
        ticks = sorted({e[parameter] for e in entries if e[parameter] is not None})
        if len(ticks) < 2:
            continue
        curves = [
            _against(parameter, label, style, each, (ticks[0], ticks[-1]))
            for (label, style), each in by_curve.items()
        ]
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


def trade_off(content: Content) -> Iterator[Drawing]:
    """Fine-tune accuracy against harmful score, a point for each arm and p."""
    score = _by_place(content, "harmful_score", ("after",), but="poison")
    accuracy = _by_place(content, "fine_tune_accuracy", ("after",), but="poison")
    for place, entries in score.items():
        other = {(e["label"], e["poison"]): e for e in accuracy.get(place, ())}
        curves = []
        for label, style in content.styles.items():
            points = []
            for entry in entries:
                partner = other.get((label, entry["poison"]))
                if entry["label"] == label and partner:
                    points.append(
                        Point(
                            entry["mean"],
                            partner["mean"],
                            partner["low"],
                            partner["high"],
                            entry["low"],
                            entry["high"],
                            note=f"{entry['poison']:g}",
                        )
                    )
            if points:
                curves.append(Curve(label, style, tuple(points), line=len(points) > 1))
        if curves:
            yield _drawing(
                content,
                "trade_off",
                "fine_tune_accuracy",
                curves,
                place,
                but="poison",
                title="Harm against use",
                x_label="harmful score, %",
                zero=False,
                note="Better is up and left. Beside each point, p.",
            )


def _against(
    parameter: str,
    label: str,
    style: str,
    entries: Iterable[Entry],
    ends: tuple[float, float],
) -> Curve:
    """A curve; an arm without the parameter is level from end to end."""
    points = [
        _point(entry[parameter], entry)
        for entry in entries
        if entry[parameter] is not None
    ]
    if points:
        points.sort(key=lambda point: point.x)
        return Curve(label, style, tuple(points))
    entry = next(iter(entries))
    level = tuple(Point(x, entry["mean"], entry["low"], entry["high"]) for x in ends)
    return Curve(label, f"{style} dashed", level, dots=False, band=True)


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
    return all(
        isinstance(value, int | float) and not isinstance(value, bool)
        for value in values
    )
