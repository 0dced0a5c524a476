"""`Report`: what an accumulator found, as numbers, tables, pictures and a gate."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.drift.gate import Bound, Condition, check_conditions
from vaccine_swift.drift.junit import Check, junit_text
from vaccine_swift.drift.report_schema import (
    checked,
    estimate,
    shown,
    shown_ends,
    widths_text,
)
from vaccine_swift.drift.rounding import floor_value
from vaccine_swift.files import write_text
from vaccine_swift.files.plain_json import json_text, plain
from vaccine_swift.files.strict_json import parse_json

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Report"]


@dataclass(frozen=True, repr=False)
class Report:
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

    content: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", checked(self.content))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Report:
        """Read what `to_json` wrote.

        Raises
        ------
        OSError, ValueError
            When there is no such file, or it is no report.
        """
        try:
            return cls(parse_json(Path(path).read_text("utf-8")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} is no drift report: {error}") from error

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

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as JSON; NaN and infinity become null.

        Parameters
        ----------
        path : path, optional
            Also write it there; the file appears whole or not at all.

        Returns
        -------
        str
            Strict JSON, keys in a fixed order.

        Raises
        ------
        OSError
            When the disk refuses.
        """
        text = json_text(self.content, indent=1)
        if path is not None:
            write_text(path, text + "\n")
        return text

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

    def assert_below(self, *, bound: Bound = "high", **limits: float) -> None:
        """Raise unless every named metric is below its limit.

        Parameters
        ----------
        bound : {"high", "value", "low"}
            Which end of the interval has to be below; "high" asks that the data show
            it.
        **limits : float
            Such as ``relative_drift=0.05``. A metric known for all layers together is
            looked at there, another one at every layer.

        Raises
        ------
        DriftExceeded
            An AssertionError with a line for each failure; NaN fails.
        TypeError, ValueError
            When there is no limit, a limit is no number, or the report has no such
            metric.

        Examples
        --------
        >>> report.assert_below(relative_drift=0.05)  # doctest: +SKIP
        """
        self._assert("<", limits, bound)

    def assert_above(self, *, bound: Bound = "low", **limits: float) -> None:
        """Raise unless every named metric, such as ``cka=0.9``, is above its limit.

        Parameters and errors are those of `assert_below`.
        """
        self._assert(">", limits, bound)

    def assert_that(self, *conditions: str, bound: Bound | None = None) -> None:
        """Raise unless all conditions hold.

        Parameters
        ----------
        *conditions : str
            Such as ``"relative_drift<0.05"``, ``"cka>0.9"``, ``"harmful.cosine>0.9"``
            for a group or ``"signflip.p_value>0.01"`` for a test.
        bound : {"high", "value", "low"}, optional
            Which end of an interval counts; by default the one that is harder to
            hold.

        Raises
        ------
        DriftExceeded
            An AssertionError with a line for each failure; NaN fails.
        ValueError
            When a condition cannot be read, or the report has no such metric.
        """
        if not conditions:
            raise ValueError("conditions must hold at least one condition, got none")
        parsed = [Condition.parse(text) for text in conditions]
        check_conditions(self.content, parsed, bound)

    def first_layer_above(
        self, floor: str | float, *, metric: str = "relative_drift"
    ) -> tuple[int, float] | None:
        """The first layer whose value is above a floor: where two models part.

        Parameters
        ----------
        floor : {"float16", "bfloat16"} or float
            A dtype's name stands for the relative drift that its rounding shows.
        metric : str
            Of the layers.

        Returns
        -------
        (int, float) or None
            Place among the report's layers, and value; None where there is no such
            layer. A value that is NaN is above nothing.

        Raises
        ------
        ValueError
            When the floor is none, or the report has no such metric.
        """
        limit = floor_value(floor)
        return self._first(metric, lambda value: value > limit)

    def first_layer_below(
        self, limit: float, *, metric: str = "cka"
    ) -> tuple[int, float] | None:
        """The first layer whose value is below a limit, of metrics of likeness.

        Parameters
        ----------
        limit : float
        metric : str
            Such as ``"cka"``, ``"cosine"`` or ``"knn_overlap"``.

        Returns
        -------
        (int, float) or None
            As of `first_layer_above`.

        Raises
        ------
        ValueError
            When the report has no such metric.
        """
        check_range("limit", limit)
        return self._first(metric, lambda value: value < limit)

    def _first(
        self, name: str, holds: Callable[[float], bool]
    ) -> tuple[int, float] | None:
        known = {key for layer in self.content["layers"] for key in layer}
        if name not in known:
            reason = self.content.get("left_out", {}).get(name)
            why = f": {reason}" if reason else f".{nearest(name, known)}"
            raise ValueError(f"the report has no metric {name!r}{why}")
        for place, layer in enumerate(self.content["layers"]):
            value = estimate(layer.get(name))[0]
            if holds(value):
                return place, value
        return None

    def to_junit(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        conditions: Sequence[str],
        bound: Bound | None = None,
    ) -> str:
        """The conditions as JUnit's XML, which build servers show.

        Parameters
        ----------
        path : path, optional
            Also write it there; the file appears whole or not at all.
        conditions : sequence of str
            As of `assert_that`, a case for each; at least one.
        bound : {"high", "value", "low"}, optional
            Likewise.

        Raises
        ------
        OSError
            When the disk refuses.
        ValueError
            When a condition cannot be read, or the report has no such metric.
        """
        if not conditions:
            raise ValueError("conditions must hold at least one condition, got none")
        parsed = [Condition.parse(text) for text in conditions]
        failures = [each.failures(self.content, bound) for each in parsed]
        checks = [
            Check(text, "; ".join(lines) or None)
            for text, lines in zip(conditions, failures, strict=True)
        ]
        return junit_text("drift", checks, repr(self), path)

    def _assert(self, relation: str, limits: Mapping[str, float], bound: Bound) -> None:
        if not limits:
            raise TypeError("at least one limit must be given, as relative_drift=0.05")
        for name, limit in limits.items():
            check_range(name, limit)
        conditions = [Condition(name, relation, each) for name, each in limits.items()]
        check_conditions(self.content, conditions, bound)

    def __repr__(self) -> str:
        settings = self.content["settings"]
        layers = len(self.content["layers"])
        if "left_out" in self.content:
            widths = widths_text(settings)
            return (
                f"Report({settings.get('prompts')} prompts, {layers} layers, "
                f"widths {widths})"
            )
        entry = self.content["overall"].get("relative_drift")
        drift, *ends = estimate(entry)
        value = shown("relative_drift", drift)
        low, high = shown_ends("relative_drift", *ends)
        return (
            f"Report({settings.get('prompts')} prompts, {len(self.content['layers'])} "
            f"layers, relative drift {value} [{low}, {high}])"
        )

    def _repr_html_(self) -> str:
        from vaccine_swift.drift.page import fragment

        return fragment(self.content)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Report):
            return NotImplemented
        return plain(self.content) == plain(other.content)

    __hash__ = None  # type: ignore[assignment]


def _content_of(baseline: Report | None) -> Mapping[str, Any] | None:
    if baseline is None:
        return None
    if not isinstance(baseline, Report):
        raise TypeError(f"baseline must be a Report, got {type(baseline).__name__}")
    return baseline.content
