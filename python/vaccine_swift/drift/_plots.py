"""Pictures of a report with matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vaccine_swift._arguments import nearest
from vaccine_swift._report.style import COLOURS
from vaccine_swift.drift._report_schema import estimate, metric, shown
from vaccine_swift.drift._tables import metric_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "draw_history"]

_COLOURS: Final = tuple(COLOURS[name] for name in "abcde")
_SOFT: Final = "#6b7480"

Content = Mapping[str, Any]


def draw(
    content: Content,
    kind: str,
    name: str,
    baseline: Content | None,
    ax: Axes | None,
) -> Figure:
    """As `Report.plot`."""
    if kind not in _KINDS:
        known = ", ".join(map(repr, _KINDS))
        hint = nearest(str(kind), _KINDS)
        raise ValueError(f"kind must be one of {known}, got {kind!r}.{hint}")
    if kind in ("layers", "groups"):
        names = metric_columns(content["layers"])
        if name not in names:
            raise ValueError(
                f"metric must be one of the report's, got {name!r}."
                f"{nearest(name, names) or ' Known are ' + ', '.join(names) + '.'}"
            )
    figure, axes = _axes(ax)
    if kind == "layers":
        _layers(axes, content, name, baseline)
    else:
        _KINDS[kind](axes, content, name)
    return figure


def draw_history(history: Sequence[Mapping[str, Any]], ax: Axes | None) -> Figure:
    """As `Monitor.plot`."""
    if not history:
        raise ValueError("history must hold a measurement, got none")
    figure, axes = _axes(ax)
    steps = [entry["step"] for entry in history]
    rows = [(entry["relative_drift"], entry["low"], entry["high"]) for entry in history]
    _curve(axes, steps, np.array(rows, np.float64), _COLOURS[0], "all prompts")
    groups = list(history[0]["groups"])
    for colour, group in zip(_COLOURS[1:], groups, strict=False):
        values = [entry["groups"][group] for entry in history]
        axes.plot(steps, values, color=colour, label=group)
    axes.set(xlabel="step", ylabel="relative drift", xlim=(0, None))
    axes.set_ylim(bottom=0)
    _per_cent(axes)
    if groups:
        axes.legend(frameon=False)
    return figure


def _layers(axes: Axes, content: Content, name: str, baseline: Content | None) -> None:
    series = _series(content["layers"], name)
    _curve(axes, range(len(series)), series, _COLOURS[0], "this report")
    if baseline is not None:
        other = _series(baseline["layers"], name)[:, 0]
        axes.plot(other, color=_COLOURS[1], linestyle="--", label="baseline")
    floor = content["floor"] if name == "relative_drift" else None
    if floor:
        label = f"noise floor ({floor['source']})"
        axes.plot(floor["layers"], color=_SOFT, linestyle=":", label=label)
    _layer_axis(axes, len(series), name)
    if baseline is not None or floor:
        axes.legend(frameon=False)


def _groups(axes: Axes, content: Content, name: str) -> None:
    if not content["groups"]:
        raise ValueError('kind="groups" needs groups, the report has none')
    count = len(content["layers"])
    for colour, (group, entry) in zip(
        _COLOURS, content["groups"].items(), strict=False
    ):
        series = _series(entry["layers"], name)
        _curve(axes, range(count), series, colour, f"{group} ({entry['prompts']})")
    _layer_axis(axes, count, name)
    axes.legend(frameon=False, title="group (prompts)")


def _prompts(axes: Axes, content: Content, name: str) -> None:
    values = np.array(content["prompts"]["relative_drift"], np.float64)
    if values.size == 0:
        raise ValueError('kind="prompts" needs prompts, the report has none')
    image = axes.imshow(values, aspect="auto", cmap="cividis", vmin=0)
    axes.set(xlabel="layer", ylabel="prompt, most drifted first")
    _bar(axes, image, "relative drift", share=True)


def _cka(axes: Axes, content: Content, name: str) -> None:
    if not content["cka_map"]:
        raise ValueError('kind="cka" needs a CKA map, the report has none')
    values = np.array(content["cka_map"], np.float64)
    image = axes.imshow(values, origin="lower", cmap="cividis", vmax=1)
    axes.set(xlabel="layer, current", ylabel="layer, reference")
    _bar(axes, image, "CKA, debiased")


def _spectra(axes: Axes, content: Content, name: str) -> None:
    spectra = content["spectra"] or []
    if not any(
        value > 0 for sides in spectra for side in sides.values() for value in side
    ):
        raise ValueError('kind="spectra" needs spectra, the report has none (tier)')
    last = len(spectra) - 1
    for colour, layer in zip(_COLOURS, sorted({0, last // 2, last}), strict=False):
        sides = spectra[layer]
        for side, style in (("reference", "-"), ("current", "--")):
            values = np.array(sides[side], np.float64)
            values[values <= 0] = math.nan
            places = np.arange(1, len(values) + 1)
            label = f"layer {layer}, {side}"
            axes.plot(places, values, color=colour, linestyle=style, label=label)
    axes.set(xscale="log", yscale="log", xlabel="component")
    axes.set_ylabel("share of the variance")
    axes.legend(frameon=False)


def _null(axes: Axes, content: Content, name: str) -> None:
    tests = {
        title: test
        for title, test in content["tests"].items()
        if any((test.get("details") or {}).get("null_histogram", {}).get("counts", ()))
    }
    if not tests:
        raise ValueError('kind="null" needs a test, the report has none')
    # In standard deviations of the null, so that all tests share one axis.
    for colour, (title, test) in zip(_COLOURS, tests.items(), strict=False):
        histogram = test["details"]["null_histogram"]
        spread = test["null_std"] or 1.0
        edges = (np.array(histogram["edges"]) - test["null_mean"]) / spread
        counts = np.array(histogram["counts"], np.float64)
        density = counts / counts.sum() / np.diff(edges)
        axes.stairs(density, edges, fill=True, alpha=0.35, color=colour)
        z = math.nan if test["z"] is None else test["z"]
        label = f"{title}: z = {shown('', z)}, p = {shown('', test['p_value'])}"
        axes.axvline(
            (test["statistic"] - test["null_mean"]) / spread, color=colour, label=label
        )
    axes.set(xlabel="null standard deviations from the null mean", ylabel="density")
    # Opaque: the lines of the statistics run from bottom to top.
    axes.legend(framealpha=1, edgecolor="none")


_KINDS: Final[dict[str, Any]] = {
    "layers": _layers,
    "groups": _groups,
    "prompts": _prompts,
    "cka": _cka,
    "spectra": _spectra,
    "null": _null,
}


def _axes(ax: Axes | None) -> tuple[Any, Axes]:
    if ax is not None:
        ax.spines[["top", "right"]].set_visible(False)
        return ax.figure, ax
    figure = _new_figure()
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _new_figure() -> Figure:
    """A figure that notebooks show, whether or not pyplot has been set up."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "plots need matplotlib: pip install 'vaccine-swift[plot]'"
        ) from error

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png")
            return buffer.getvalue()

    return Picture(figsize=(7, 3.8), layout="constrained")


def _series(layers: Sequence[Mapping[str, Any]], name: str) -> Any:
    return np.array([estimate(layer.get(name)) for layer in layers], np.float64)


def _curve(
    axes: Axes, places: Sequence[float], series: Any, colour: str, label: str
) -> None:
    values, low, high = series.T
    if np.isfinite(low).any():
        axes.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0)
    marker = "o" if len(series) == 1 else None
    axes.plot(places, values, color=colour, label=label, marker=marker)


def _layer_axis(axes: Axes, count: int, name: str) -> None:
    axes.set(xlabel="layer", ylabel=metric(name).label.lower())
    axes.locator_params(axis="x", integer=True)
    if count > 1:
        axes.set_xlim(0, count - 1)
    if metric(name).unit == "%":
        axes.set_ylim(bottom=0)
        _per_cent(axes)


def _per_cent(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")


def _bar(axes: Axes, image: Any, label: str, *, share: bool = False) -> None:
    text = (lambda value, _: f"{100 * value:.4g} %") if share else None
    bar = axes.figure.colorbar(image, ax=axes, format=text)
    bar.set_label(label)
    bar.outline.set_visible(False)
