"""A report as one HTML page: no script, no other file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from vaccine_swift._report import parts
from vaccine_swift._report.style import STYLE
from vaccine_swift._report.svg import escaped
from vaccine_swift.drift import _html_charts as charts
from vaccine_swift.drift._html_tables import (
    group_table,
    layer_table,
    prompt_table,
    test_table,
    test_title,
)
from vaccine_swift.drift._report_schema import METRICS, estimate, shown
from vaccine_swift.drift._tables import metric_columns

__all__ = ["fragment", "page"]

_SPECTRA: Final = 4

Content = Mapping[str, Any]


def page(content: Content, baseline: Content | None, title: str) -> str:
    """The whole page; see `Report.to_html`."""
    body = "".join(
        filter(
            None,
            (
                f"<h1>{escaped(title)}</h1>{_lead(content)}{_tiles(content, baseline)}",
                _layers(content, baseline),
                _groups(content),
                _tests(content),
                _prompts(content),
                _geometry(content),
                _numbers(content),
                _settings(content),
            ),
        )
    )
    return parts.page(title, body)


def fragment(content: Content) -> str:
    """What a notebook shows: the sentence, the numbers, the main curve, the tests."""
    figures = charts.layer_figure(content, "relative_drift")
    figures += charts.group_figure(content, "relative_drift")
    return (
        f'<div class="vs-report inset"><style>{STYLE}</style>{_lead(content)}'
        f'{_tiles(content, None)}<div class="charts">{figures}</div>'
        f'<div class="apart">{test_table(content)}</div></div>'
    )


def _lead(content: Content) -> str:
    value, low, high = estimate(content["overall"].get("relative_drift"))
    drifts = [estimate(each.get("relative_drift"))[0] for each in content["layers"]]
    if not math.isfinite(value):
        return '<p class="lead">The drift could not be computed.</p>'
    confidence = content["settings"].get("confidence")
    interval = ""
    if math.isfinite(low):
        share = f"{100 * confidence:g} % interval" if confidence else "interval"
        ends = f"{shown('relative_drift', low)} to {shown('relative_drift', high)}"
        interval = f" ({share} {ends})"
    text = (
        f"The states moved by <b>{shown('relative_drift', value)}</b> of their norm"
        f"{interval}"
    )
    known = [k for k, each in enumerate(drifts) if math.isfinite(each)]
    if len(known) > 1 and value > 0:
        top = max(known, key=lambda k: drifts[k])
        text += f", most in layer {top}: {shown('relative_drift', drifts[top])}"
    return f'<p class="lead">{text}.</p>'


def _tiles(content: Content, baseline: Content | None) -> str:
    settings, overall = content["settings"], content["overall"]
    tiles = []
    for name, label in (
        ("relative_drift", "relative drift"),
        ("cosine", "mean cosine"),
        ("rms", "RMS change of an element"),
    ):
        if name in overall:
            tiles.append((shown(name, estimate(overall[name])[0]), label))
    if baseline is not None:
        other = estimate(baseline["overall"].get("relative_drift"))[0]
        tiles.append((shown("relative_drift", other), "relative drift of the baseline"))
    floor = content["floor"]
    if floor:
        below = sum(map(bool, floor["below"]))
        text = f"layers below the noise floor ({floor['source']})"
        tiles.append((f"{below} of {len(floor['below'])}", text))
    prompts, rows = settings.get("prompts"), settings.get("rows")
    tiles.append((f"{prompts:,}".replace(",", "\u202f"), f"prompts, {rows} rows"))
    tiles.append(
        (f"{settings.get('layers')} × {settings.get('width')}", "layers × width")
    )
    return parts.tiles(tiles)


def _layers(content: Content, baseline: Content | None) -> str:
    known = metric_columns(content["layers"])
    order = [name for name in METRICS if name in known]
    order += [name for name in known if name not in METRICS]
    figures = (
        charts.layer_figure(content, name, baseline)
        for name in order
        if not name.startswith("hed_")
    )
    return parts.section(
        "Layer by layer",
        "The bands are intervals over prompts. Point at a curve for its numbers.",
        figures,
    )


def _groups(content: Content) -> str:
    if not content["groups"]:
        return ""
    figures = [
        charts.group_figure(content, each) for each in ("relative_drift", "cosine")
    ]
    return parts.section("Groups of prompts", "", figures, before=group_table(content))


def _tests(content: Content) -> str:
    if not content["tests"]:
        return ""
    note = (
        "The unit is the prompt, and p = (1 + k) / (1 + B). When weights differ, drift "
        "of exactly zero is false by construction: weigh the size of the effect, the "
        "floor and the contrast between groups."
    )
    figures = [
        charts.null_figure(name, test, f"Null distribution: {test_title(name)}")
        for name, test in content["tests"].items()
    ]
    return parts.section("Tests", note, figures, before=test_table(content))


def _prompts(content: Content) -> str:
    if not content["prompts"]["ids"]:
        return ""
    pair = f"{charts.prompt_figure(content)}<div>{prompt_table(content)}</div>"
    return f'<h2>Most drifted prompts</h2><div class="pair">{pair}</div>'


def _geometry(content: Content) -> str:
    figures = [charts.cka_figure(content)]
    if content["spectra"]:
        count = len(content["spectra"])
        chosen = sorted(
            {round(k * (count - 1) / (_SPECTRA - 1)) for k in range(_SPECTRA)}
        )
        figures += [charts.spectrum_figure(content, layer) for layer in chosen]
    return parts.section("Geometry", "", figures)


def _numbers(content: Content) -> str:
    return f"<h2>All numbers</h2>{layer_table(content)}"


def _settings(content: Content) -> str:
    text = json.dumps(content["settings"], indent=2, ensure_ascii=False, default=str)
    return (
        "<h2>Settings</h2><p class='soft'>With these and the same embeddings, the same "
        f"numbers come out.</p><pre>{escaped(text)}</pre>"
    )
