"""`TwoSampleReport`: what `two_sample` found, as a sentence, tables, a page, a gate."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

from vaccine_swift._plurals import counted
from vaccine_swift.drift.gate import Numbers, check_numbers
from vaccine_swift.drift.junit import Check
from vaccine_swift.drift.kept_report import KeptReport
from vaccine_swift.drift.report_schema import shown
from vaccine_swift.drift.two_sample_content import (
    SCHEMA,
    moved,
    segment_numbers,
    sentence,
)
from vaccine_swift.drift.two_sample_drawings import DRAWINGS
from vaccine_swift.drift.two_sample_page import fragment, page
from vaccine_swift.pages.frames import required_pandas

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["TwoSampleReport"]


class TwoSampleReport(KeptReport):
    """Which segments of two sets differ, by which tests, and how much.

    Parameters
    ----------
    content : mapping
        As `to_dict` gives it; checked and copied.

    Raises
    ------
    TypeError, ValueError
        When `content` is not of the schema ``vaccine_swift.drift.two_sample/1``.
    """

    schema: ClassVar[str] = SCHEMA
    kind: ClassVar[str] = "report of two samples"
    title: ClassVar[str] = "Two sets of embeddings"
    keys: ClassVar[tuple[str, ...]] = ("settings", "segments", "columns", "map")

    @property
    def moved(self) -> list[str]:
        """Segments with a corrected p-value at the level or below, in their order."""
        return moved(self.content)

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        return sentence(self.content)

    def to_dict(self) -> dict[str, Any]:
        """A copy of everything.

        Returns
        -------
        dict
            ``segments[name]``, "all" first: numbers of rows, ``mean_shift`` (distance
            of the means over the rows' spread, without what chance adds), ``p_value``
            (the smallest corrected one) and ``tests[test]`` with ``statistic``,
            ``p_value``, ``p_holm``, ``effect_size``, ``z``, ``permutations``.
        """
        return copy.deepcopy(dict(self.content))

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each segment and test.

        Raises
        ------
        ImportError
            Without pandas (``pip install 'vaccine-swift[drift]'``).
        """
        pd = required_pandas()
        fields = ("statistic", "p_value", "p_holm", "effect_size", "z", "permutations")
        rows = [
            {
                "segment": name,
                "test": test,
                "reference": entry["reference"],
                "current": entry["current"],
                "mean_shift": entry["mean_shift"],
                **{field: found[field] for field in fields},
            }
            for name, entry in self.content["segments"].items()
            for test, found in entry["tests"].items()
        ]
        columns = ["segment", "test", "reference", "current", "mean_shift", *fields]
        return pd.DataFrame(rows, columns=columns).set_index(["segment", "test"])

    def plot(self, kind: str = "map", *, ax: Axes | None = None) -> Figure:
        """Draw a picture with matplotlib.

        Parameters
        ----------
        kind : {"map", "density", "means", "shifts", "clusters"}
            Both sets on their two leading principal components; where the current set
            is denser; how the segments' means went; the size of each segment's shift;
            how the share of rows in each cluster changed.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            When `kind` is unknown, or there is nothing to draw.
        """
        return self._drawn(DRAWINGS, kind, ax)

    def assert_that(self, *conditions: str) -> None:
        """Raise unless all conditions hold.

        Parameters
        ----------
        *conditions : str
            Such as ``"de.p_value>0.01"`` (the segment's smallest corrected p-value),
            ``"mean_shift<0.1"`` (of all rows together), ``"de.mmd.effect_size<0.05"``
            or ``"de.ks.p_value>0.01"`` (of one test, before the correction).

        Raises
        ------
        DriftExceeded
            An AssertionError with a line for each failure; a segment that was not
            tested fails.
        ValueError
            When a condition cannot be read, or the report has no such number.
        """
        check_numbers(conditions, self._numbers())

    def _checks(self) -> list[Check]:
        """A check of each segment: that it has not moved."""
        found = set(self.moved)
        return [
            Check(
                f"{segment} has not moved",
                f"{segment} moved: p = {shown('', entry['p_value'])}"
                if segment in found
                else None,
                entry["reason"],
            )
            for segment, entry in self.content["segments"].items()
        ]

    def _numbers(self) -> Numbers:
        """Every number that a condition can name, and why it is missing."""
        return segment_numbers(
            self.content["segments"], self.content["settings"]["tests"]
        )

    def __repr__(self) -> str:
        n, m = self.content["settings"]["rows"]
        return f"TwoSampleReport({n} and {counted(m, 'row')}: {self.sentence})"

    def _page(self, title: str) -> str:
        return page(self.content, title)

    def _repr_html_(self) -> str:
        return fragment(self.content)
