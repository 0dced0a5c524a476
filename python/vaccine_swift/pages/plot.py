"""A drawing as a picture with matplotlib."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from vaccine_swift.pages.drawing import Bars, Curve, Drawing, Heat
from vaccine_swift.pages.scales import Scale
from vaccine_swift.pages.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "save", "shown_on"]

_LINES: Final = {"dashed": "--", "dotted": ":"}
_TRANSPARENT: Final = 0.35


def shown_on(drawing: Drawing, ax: Axes | None) -> Figure:
    """Draw on axes, or on a new figure that notebooks show by itself.

    Where the y axis has no label, it gets the title and the unit.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    if ax is None:
        ax = _new_figure((7, 3.8), "plots").subplots()
    draw(drawing, ax)
    if not drawing.y_label and drawing.bars is None:
        ax.set_ylabel(", ".join(filter(None, (drawing.title, drawing.unit))))
    return ax.figure  # type: ignore[return-value]


def save(drawing: Drawing, path: Path) -> None:
    """Write it as a PNG.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    figure = _new_figure((6.4, 4), "figures")
    axes = figure.subplots()
    draw(drawing, axes)
    axes.set_title(drawing.title)
    figure.savefig(path, dpi=150, format="png")


def draw(drawing: Drawing, axes: Axes) -> None:
    """Add the marks, the axes and the key; the title is left to the caller."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel=drawing.x_label, ylabel=drawing.y_label)
    x, y = drawing.x_scale, drawing.y_scale
    if drawing.heat is not None:
        _draw_heat(axes, drawing.heat)
    if drawing.bars is not None:
        _draw_bars(axes, drawing.bars)
    for curve in drawing.curves:
        _draw_curve(axes, curve)
    for histogram in drawing.histograms:
        axes.stairs(
            histogram.heights,
            histogram.edges,
            fill=True,
            alpha=_TRANSPARENT,
            color=_look(histogram.style)[0],
            label=histogram.label or None,
        )
    for rule in drawing.rules:
        colour, line = _look(rule.style)
        axes.axvline(rule.x, color=colour, linestyle=line, label=rule.label or None)
    _set_scale(axes, "x", x)
    _set_scale(axes, "y", y)
    if drawing.key:
        # Rules run from bottom to top: their key stands above the plane.
        above = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0)}
        place: dict[str, Any] = above if drawing.rules else {"loc": "best"}
        axes.legend(frameon=False, fontsize="small", **place)


def _set_scale(axes: Axes, side: str, scale: Scale) -> None:
    values = [value for value, _ in scale.ticks]
    names = [name for _, name in scale.ticks]
    kind = "log" if scale.logarithmic else "linear"
    if side == "x":
        axes.set_xscale(kind)
        axes.set_xlim(scale.low, scale.high)
        axes.set_xticks(values, names)
    else:
        axes.set_yscale(kind)
        axes.set_ylim(scale.low, scale.high)
        axes.set_yticks(values, names)
    axes.minorticks_off()


def _look(style: str) -> tuple[str, str]:
    """Colour and line style of matplotlib."""
    colour, *dashes = style.split()
    return COLOURS[colour], _LINES.get("".join(dashes), "-")


def _draw_curve(axes: Axes, curve: Curve) -> None:
    colour, line = _look(curve.style)
    ends = [(p.left, p.x, p.right, p.low, p.y, p.high) for p in curve.points]
    left, x, right, low, y, high = np.array(ends, np.float64).reshape(-1, 6).T
    x = x + curve.shift
    if not curve.band:
        _draw_whiskers(axes, (x, y), "y", (low, high), colour)
        _draw_whiskers(axes, (x, y), "x", (left, right), colour)
    elif np.isfinite(low).any():
        axes.fill_between(x, low, high, color=colour, alpha=0.17, linewidth=0)
    axes.plot(
        x,
        y,
        color=colour,
        linestyle=line if curve.line else "none",
        marker="o" if curve.dots else None,
        markersize=2 if curve.cloud else 5,
        label=curve.label or None,
    )
    large = [index for index, point in enumerate(curve.points) if point.large]
    if large:
        axes.plot(x[large], y[large], "o", color=colour, markersize=9)


def _draw_whiskers(
    axes: Axes,
    places: tuple[Any, Any],
    side: Literal["x", "y"],
    ends: tuple[Any, Any],
    colour: str,
) -> None:
    """Intervals of x or y, for the points that have one."""
    value, (low, high) = places["xy".index(side)], ends
    known = np.isfinite(value) & np.isfinite(low) & np.isfinite(high)
    if known.any():
        around = np.stack([value - low, high - value])[:, known].clip(0)
        x, y = (place[known] for place in places)
        errors: dict[str, Any] = {f"{side}err": around, "ecolor": colour}
        axes.errorbar(x, y, fmt="none", capsize=2, elinewidth=1, **errors)


def _draw_bars(axes: Axes, bars: Bars) -> None:
    colour, _ = _look(bars.style)
    ends = [(p.left, p.x, p.right) for p in bars.points]
    left, x, right = np.array(ends, np.float64).reshape(-1, 3).T
    places = np.arange(len(x))[::-1]
    if bars.dots:
        axes.plot(x, places, "o", color=colour)
    else:
        axes.barh(places, x, 0.6, color=colour, alpha=_TRANSPARENT)
    _draw_whiskers(axes, (x, places), "x", (left, right), colour)


def _draw_heat(axes: Axes, heat: Heat) -> None:
    values = heat.values[::-1] if heat.downwards else heat.values
    image = axes.imshow(
        values,
        origin="lower",
        aspect="auto",
        cmap="cividis",
        vmin=heat.low,
        vmax=heat.high,
    )
    bar = axes.figure.colorbar(image, ax=axes)
    bar.set_ticks([heat.low, heat.high], labels=[heat.low_text, heat.high_text])
    bar.set_label(heat.label)
    # Between the ticks, of which there are none but at the ends.
    bar.ax.yaxis.set_label_coords(2.0, 0.5)
    bar.outline.set_visible(False)  # type: ignore[operator]


def _new_figure(size: tuple[float, float], what: str) -> Figure:
    """A figure that shows itself, whether or not pyplot has been set up."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"{what} need matplotlib: pip install 'vaccine-swift[plot]'"
        ) from error

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png")
            return buffer.getvalue()

    return Picture(figsize=size, layout="constrained")
