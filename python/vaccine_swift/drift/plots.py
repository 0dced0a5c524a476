"""Pictures of a report with matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift._arguments import check_word, nearest
from vaccine_swift.drift import drawings
from vaccine_swift.drift.null_drawing import null_drawing
from vaccine_swift.drift.second_moment_drawings import cka_drawing, spectrum_drawing
from vaccine_swift.drift.tables import metric_columns
from vaccine_swift.pages.drawing import Drawing
from vaccine_swift.pages.plot import shown_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "draw_history"]

Content = Mapping[str, Any]


def draw(
    content: Content,
    kind: str,
    name: str,
    baseline: Content | None,
    ax: Axes | None,
) -> Figure:
    """As `Report.plot`."""
    check_word("kind", kind, _KINDS, quoted=True)
    if kind in ("layers", "groups"):
        names = metric_columns(content["layers"])
        if name not in names:
            raise ValueError(
                f"metric must be one of the report's, got {name!r}."
                f"{nearest(name, names) or ' Known are ' + ', '.join(names) + '.'}"
            )
    drawing = _KINDS[kind](content, name, baseline)
    if kind in _NEEDED and drawing.empty:
        raise ValueError(f'kind="{kind}" needs {_NEEDED[kind]}, the report has none')
    return shown_on(drawing, ax)


def draw_history(history: Sequence[Content], ax: Axes | None) -> Figure:
    """As `Monitor.plot`."""
    if not history:
        raise ValueError("history must hold a measurement, got none")
    return shown_on(drawings.history_drawing(history), ax)


def _spectra(content: Content) -> Drawing:
    last = len(content["spectra"] or ()) - 1
    chosen = sorted({0, last // 2, last}) if last >= 0 else []
    return spectrum_drawing(content, chosen)


_KINDS: Final[dict[str, Callable[[Content, str, Content | None], Drawing]]] = {
    "layers": drawings.layer_drawing,
    "groups": lambda content, name, _: drawings.group_drawing(content, name),
    "prompts": lambda content, _, __: drawings.prompt_drawing(content),
    "cka": lambda content, _, __: cka_drawing(content),
    "spectra": lambda content, _, __: _spectra(content),
    "null": lambda content, _, __: null_drawing(content["tests"], "Null distributions"),
}
_NEEDED: Final = {
    "groups": "groups",
    "prompts": "prompts",
    "cka": "a CKA map",
    "spectra": "spectra (of another tier)",
    "null": "a test",
}
