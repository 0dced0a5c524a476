"""A report as one HTML page: no script, no other file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from vaccine_swift._plurals import counted, plural
from vaccine_swift.drift import drawings
from vaccine_swift.drift import page_tables as tables
from vaccine_swift.drift.glossary import words
from vaccine_swift.drift.null_drawing import null_drawing
from vaccine_swift.drift.report_schema import (
    estimate,
    metric,
    shown,
    shown_interval,
    widths_text,
)
from vaccine_swift.drift.second_moment_drawings import cka_drawing, spectrum_drawing
from vaccine_swift.pages.numbers import whole_number
from vaccine_swift.pages.rendering import rendered

__all__ = ["fragment", "page"]

_SPECTRA: Final = 4
_PROMPTS: Final = 8
_LIKENESS: Final = ("cka", "knn_overlap")
_FIRST: Final = (
    "relative_drift",
    "cosine",
    "cka",
    "knn_overlap",
    "recall_at_k",
    "translation_share",
    "mean_l2",
)
_MAIN: Final = 3
"""How many of `_FIRST` are drawn before the further metrics."""

Content = Mapping[str, Any]


def page(content: Content, baseline: Content | None, title: str) -> str:
    """The whole page; see `Report.to_html`."""
    single = len(content["layers"]) == 1
    values = _one_layer(content, baseline) if single else _many(content, baseline)
    return rendered(
        "drift/layer.html" if single else "drift/layers.html",
        title=title,
        **_summary(content, baseline),
        **_tests(content),
        groups=tables.group_table(content) if content["groups"] else None,
        group_drawings=[
            drawings.group_drawing(content, name)
            for name in ("relative_drift", "cosine")
        ],
        prompts=tables.prompt_table(content, 0, _PROMPTS),
        more_prompts=tables.prompt_table(content, _PROMPTS, None),
        spectra=_spectra(content),
        words=words(content),
        settings=content["settings"],
        **values,
    )


def fragment(content: Content) -> str:
    """What a notebook shows: the sentence, the numbers, the main picture, the tests."""
    main = [drawings.layer_drawing(content, "relative_drift")]
    if "left_out" in content:
        main = [drawings.layer_drawing(content, name) for name in _LIKENESS]
    if len(content["layers"]) == 1:
        main = [drawings.distribution_drawing(content, "cosine")]
    if content["groups"]:
        main.append(drawings.group_drawing(content, "relative_drift"))
    return rendered(
        "drift/fragment.html",
        **_summary(content, None),
        **_tests(content),
        main=main,
    )


def _one_layer(content: Content, baseline: Content | None) -> dict[str, Any]:
    names = ("cosine", "relative_drift")
    return {
        "numbers": tables.metric_table(content, baseline),
        "distributions": [
            drawings.distribution_drawing(content, each) for each in names
        ],
        "prompt_drawing": drawings.prompt_drawing(content),
    }


def _many(content: Content, baseline: Content | None) -> dict[str, Any]:
    names = [
        name for name in tables.ordered_metrics(content) if not name.startswith("hed_")
    ]
    main = [name for name in _FIRST if name in names][:_MAIN]
    further = [name for name in names if name not in main]
    numbers = tables.layer_table(content)
    return {
        "main": [drawings.layer_drawing(content, each, baseline) for each in main],
        "further": [
            drawings.layer_drawing(content, each, baseline) for each in further
        ],
        "prompt_drawing": drawings.prompt_drawing(content),
        "cka": cka_drawing(content),
        "numbers": numbers,
        "number_count": f"{counted(len(numbers.heads) - 1, 'metric')} × "
        f"{counted(len(content['layers']), 'layer')}, with intervals",
    }


def _tests(content: Content) -> dict[str, Any]:
    made = content["tests"]
    nulls = [
        null_drawing({name: test}, f"Null distribution: {tables.test_title(name)}")
        for name, test in made.items()
    ]
    return {"tests": tables.test_table(made) if made else None, "nulls": nulls}


def _spectra(content: Content) -> list[Any]:
    count = len(content["spectra"] or ())
    if not count:
        return []
    chosen = sorted({round(k * (count - 1) / (_SPECTRA - 1)) for k in range(_SPECTRA)})
    return [spectrum_drawing(content, [layer]) for layer in chosen]


def _summary(content: Content, baseline: Content | None) -> dict[str, Any]:
    """The values of the sentence and the tiles."""
    value, low, high = estimate(content["overall"].get("relative_drift"))
    drifts = [estimate(each.get("relative_drift"))[0] for each in content["layers"]]
    known = [k for k, each in enumerate(drifts) if math.isfinite(each)]
    confidence = content["settings"].get("confidence")
    most = ""
    if len(known) > 1 and value > 0:
        top = max(known, key=lambda k: drifts[k])
        most = f", most in layer {top}: {shown('relative_drift', drifts[top])}"
    return {
        "drift": shown("relative_drift", value) if math.isfinite(value) else "",
        "instead": _instead(content),
        "left_out": _left_out(content),
        "share": f"{100 * confidence:g} % interval" if confidence else "interval",
        "interval": shown_interval("relative_drift", low, high),
        "most": most,
        "tiles": _tiles(content, baseline),
    }


def _instead(content: Content) -> str:
    """What is said where there is no drift."""
    found = [estimate(layer.get("cka"))[0] for layer in content["layers"]]
    known = [place for place, value in enumerate(found) if math.isfinite(value)]
    if "left_out" not in content or not known:
        return "The drift could not be computed."
    least = min(known, key=lambda place: found[place])
    where = f", in layer {least}" if len(found) > 1 else ""
    widths = widths_text(content["settings"])
    return (
        f"The states have {widths} columns, so how alike they are is "
        "measured rather than drift: CKA is "
        f"{'at least ' if where else ''}{shown('cka', found[least])}{where}."
    )


def _left_out(content: Content) -> list[tuple[str, str]]:
    """Names of metrics that are not there, by reason."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in content.get("left_out", {}).items():
        by_reason.setdefault(reason, []).append(metric(name).label)
    return [(reason, "; ".join(names)) for reason, names in by_reason.items()]


def _tiles(content: Content, baseline: Content | None) -> list[tuple[str, str]]:
    settings, overall = content["settings"], content["overall"]
    tiles = []
    for name, label in (
        ("relative_drift", "relative drift"),
        ("cosine", "mean cosine"),
        ("rms", "RMS change of an element"),
    ):
        if name in overall:
            tiles.append((shown(name, estimate(overall[name])[0]), label))
    if "left_out" in content:
        for name in (*_LIKENESS, "recall_at_k"):
            values = [estimate(each.get(name))[0] for each in content["layers"]]
            least = min(filter(math.isfinite, values), default=math.nan)
            label = metric(name).label.replace("at k", f"at {settings['k']}")
            where = ", least of the layers" if len(values) > 1 else ""
            tiles.append((shown(name, least), f"{label}{where}"))
    if baseline is not None:
        other = estimate(baseline["overall"].get("relative_drift"))[0]
        tiles.append((shown("relative_drift", other), "relative drift of the baseline"))
    floor = content["floor"]
    if floor and len(floor["below"]) == 1:
        where = (
            "the drift is below it" if floor["below"][0] else "the drift is above it"
        )
        text = f"noise floor ({floor['source']}): {where}"
        tiles.append((shown("relative_drift", float(floor["layers"][0])), text))
    elif floor:
        below = sum(map(bool, floor["below"]))
        layers = plural(len(floor["below"]), "layer")
        text = f"{layers} below the noise floor ({floor['source']})"
        tiles.append((f"{below} of {len(floor['below'])}", text))
    prompts, rows = settings.get("prompts"), settings.get("rows")
    size = f"{whole_number(rows)} {plural(rows, 'row')}"
    each = "one row each" if rows == prompts else size
    tiles.append((whole_number(prompts), f"{plural(prompts, 'prompt')}, {each}"))
    width = widths_text(settings)
    if settings.get("layers") == 1:
        return [*tiles, (width, "width of a row")]
    return [*tiles, (f"{settings.get('layers')} × {width}", "layers × width")]
