"""`Report`: what an accumulator found, as numbers, tables, pictures and a gate."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vaccine_swift._plurals import counted
from vaccine_swift.drift.judged_report import JudgedReport
from vaccine_swift.drift.layered_report import LayeredReport
from vaccine_swift.drift.report_schema import (
    checked,
    estimate,
    shown,
    shown_ends,
    widths_text,
)
from vaccine_swift.files import write_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Report"]


@dataclass(frozen=True, repr=False, eq=False)
class Report(JudgedReport, LayeredReport):
    """Drift of a current against a reference model, with intervals and tests.

    `Accumulator.report` makes it. It holds plain numbers only, so it can be kept,
    compared and drawn long after the embeddings are gone.

    Parameters
    ----------
    content : mapping
        As `to_dict` gives it; checked and copied.

    Raises
    ------
    TypeError, ValueError
        When `content` is not of the schema ``vaccine_swift.drift/1``.
    """

    kind: ClassVar[str] = "drift report"

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", checked(self.content))

    def to_dict(self) -> dict[str, Any]:
        """A copy of everything.

        Returns
        -------
        dict
            ``layers[l][metric]`` and ``overall[metric]`` are ``{"value", "low",
            "high"}``, with ``"reason"`` where the value is NaN; ``tests[name]`` has
            ``statistic``, ``p_value``, ``z``, ``effect_size`` and more; the rest is
            described in the documentation.
        """
        return copy.deepcopy(dict(self.content))

    def to_html(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        baseline: Report | None = None,
        title: str = "Embedding drift",
    ) -> str:
        """The report as one HTML page that needs no other file.

        Parameters
        ----------
        path : path, optional
            Also write it there; the file appears whole or not at all.
        baseline : Report, optional
            A control, such as a benign fine-tune, drawn beside it.
        title : str
            The page's heading.

        Returns
        -------
        str
            HTML with inline SVG and no script.

        Raises
        ------
        OSError
            When the disk refuses.
        """
        from vaccine_swift.drift.page import page

        text = page(self.content, _content_of(baseline), title)
        if path is not None:
            write_text(path, text)
        return text

    def to_dataframe(self, table: str = "layers") -> pd.DataFrame:
        """A part of the report as a pandas table.

        Parameters
        ----------
        table : {"layers", "groups", "tests", "prompts"}
            A row for each layer, each group and layer, each test, or each of the most
            drifted prompts.

        Returns
        -------
        pandas.DataFrame
            Of a metric ``m``, columns ``m``, ``m_low`` and ``m_high``.

        Raises
        ------
        ImportError
            Without pandas.
        ValueError
            When `table` is unknown.
        """
        from vaccine_swift.drift.tables import dataframe

        return dataframe(self.content, table)

    def plot(
        self,
        kind: str = "layers",
        *,
        metric: str = "relative_drift",
        baseline: Report | None = None,
        ax: Axes | None = None,
    ) -> Figure:
        """Draw a picture with matplotlib.

        Parameters
        ----------
        kind : {"layers", "groups", "prompts", "cka", "spectra", "null"}
            A metric over the layers with its interval and the floor; the same for
            each group; the most drifted prompts × layers; CKA between all layers;
            eigenvalues of both sides; the tests' null distributions.
        metric : str
            For "layers" and "groups".
        baseline : Report, optional
            A control to draw beside "layers".
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.figure.Figure
            Not shown yet.

        Raises
        ------
        ImportError
            Without matplotlib (``pip install 'vaccine-swift[plot]'``).
        ValueError
            When `kind` or `metric` is unknown, or the report does not hold what it
            shows.
        """
        from vaccine_swift.drift.plots import draw

        return draw(self.content, kind, metric, _content_of(baseline), ax)

    def __repr__(self) -> str:
        settings = self.content["settings"]
        layers = len(self.content["layers"])
        if "left_out" in self.content:
            widths = widths_text(settings)
            return (
                f"Report({counted(settings.get('prompts'), 'prompt')}, "
                f"{counted(layers, 'layer')}, widths {widths})"
            )
        entry = self.content["overall"].get("relative_drift")
        drift, *ends = estimate(entry)
        value = shown("relative_drift", drift)
        low, high = shown_ends("relative_drift", *ends)
        return (
            f"Report({counted(settings.get('prompts'), 'prompt')}, "
            f"{counted(layers, 'layer')}, relative drift {value} [{low}, {high}])"
        )

    def _repr_html_(self) -> str:
        from vaccine_swift.drift.page import fragment

        return fragment(self.content)


def _content_of(baseline: Report | None) -> Mapping[str, Any] | None:
    if baseline is None:
        return None
    if not isinstance(baseline, Report):
        raise TypeError(f"baseline must be a Report, got {type(baseline).__name__}")
    return baseline.content
