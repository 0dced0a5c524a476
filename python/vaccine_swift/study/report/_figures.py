"""A drawing as a picture with matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vaccine_swift._report import scales
from vaccine_swift._report.style import COLOURS
from vaccine_swift.study.report._drawings import Curve, Drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["save"]

_LINES = {"dashed": "--", "dotted": ":"}


def save(drawing: Drawing, path: Path) -> None:
    """Write it as a PNG.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "figures need matplotlib: pip install 'vaccine-swift[plot]'"
        ) from error
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    for curve in drawing.curves:
        _draw(axes, curve)
    axes.set(title=drawing.title, xlabel=drawing.x_label, ylabel=drawing.y_label)
    if drawing.zero and axes.get_ylim()[0] > 0:
        axes.set_ylim(bottom=0)
    if drawing.share:
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
    if drawing.ticks:
        x = scales.at(drawing.ticks, drawing.tick_names or None)
        axes.set_xscale("log" if x.logarithmic else "linear")
        axes.set_xlim(x.low, x.high)
        axes.set_xticks([value for value, _ in x.ticks], [text for _, text in x.ticks])
        axes.minorticks_off()
    if any(curve.label for curve in drawing.curves):
        axes.legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=150, format="png")


def _draw(axes: Axes, curve: Curve) -> None:
    colour, *dashes = curve.style.split()
    shade = COLOURS[colour]
    ends = [(p.left, p.x, p.right, p.low, p.y, p.high) for p in curve.points]
    left, x, right, low, y, high = np.array(ends, np.float64).reshape(-1, 6).T
    x = x + curve.shift
    if curve.band:
        axes.fill_between(x, low, high, color=shade, alpha=0.17, linewidth=0)
    else:
        around = np.nan_to_num([[y - low, high - y], [x - left, right - x]])
        y_error, x_error = around.clip(0)
        axes.errorbar(
            x, y, y_error, x_error, "none", ecolor=shade, capsize=2, elinewidth=1
        )
    axes.plot(
        x,
        y,
        color=shade,
        linestyle=_LINES.get("".join(dashes), "-") if curve.line else "none",
        marker="o" if curve.dots else None,
        markersize=5,
        label=curve.label or None,
    )
    for point in curve.points:
        if point.note:
            axes.annotate(
                point.note,
                (point.x + curve.shift, point.y),
                xytext=(4, 4),
                textcoords="offset points",
                fontsize="x-small",
            )
