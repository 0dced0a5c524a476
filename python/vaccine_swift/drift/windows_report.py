"""`WindowsReport`: what `Windows` found, as a sentence, tables, a page, a gate."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

from vaccine_swift._plurals import counted
from vaccine_swift.drift.gate import Numbers, check_numbers
from vaccine_swift.drift.junit import Check
from vaccine_swift.drift.kept_report import KeptReport
from vaccine_swift.drift.windows_content import SCHEMA, alarms, numbers, sentence
from vaccine_swift.drift.windows_drawings import DRAWINGS
from vaccine_swift.drift.windows_page import fragment, page
from vaccine_swift.pages.frames import required_pandas

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["WindowsReport"]


class WindowsReport(KeptReport):
    """Which lines have drifted since when, and what each window showed by itself.

    Parameters
    ----------
    content : mapping
        As `to_dict` gives it; checked and copied.

    Raises
    ------
    TypeError, ValueError
        When `content` is not of the schema ``vaccine_swift.drift.windows/1``.
    """

    schema: ClassVar[str] = SCHEMA
    kind: ClassVar[str] = "report of windows"
    title: ClassVar[str] = "Drift over time"
    keys: ClassVar[tuple[str, ...]] = ("settings", "windows")

    @property
    def alarms(self) -> dict[str, str]:
        """The window since which each line has its alarm, of lines that have one."""
        return alarms(self.content)

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        return sentence(self.content)

    def to_dict(self) -> dict[str, Any]:
        """A copy of everything.

        Returns
        -------
        dict
            ``windows[t]`` has ``name``, ``rows``, ``new`` (rows of segments without a
            line, by segment) and ``lines[name]``, "all" first: ``evidence`` after this
            window, ``rank`` of its MMD and the number of ranks (None where it had too
            few rows), and against the reference what a `TwoSampleReport` has of a
            segment. ``settings["threshold"]`` is the evidence of an alarm.
        """
        return copy.deepcopy(dict(self.content))

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each window and line.

        Raises
        ------
        ImportError
            Without pandas (``pip install 'vaccine-swift[drift]'``).
        """
        pd = required_pandas()
        fields = ("reference", "current", "mean_shift", "p_value", "evidence", "reason")
        threshold = self.content["settings"]["threshold"]
        rows = [
            {
                "window": window["name"],
                "segment": line,
                **{field: entry[field] for field in fields},
                "alarm": entry["evidence"] >= threshold,
            }
            for window in self.content["windows"]
            for line, entry in window["lines"].items()
        ]
        columns = ["window", "segment", *fields, "alarm"]
        return pd.DataFrame(rows, columns=columns).set_index(["window", "segment"])

    def plot(self, kind: str = "evidence", *, ax: Axes | None = None) -> Figure:
        """Draw a picture with matplotlib.

        Parameters
        ----------
        kind : {"evidence", "shifts"}
            A line for each segment over the windows: the evidence with the threshold
            of an alarm, or the shift of the mean against the reference.
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
            ``"alarms<1"``: no line has an alarm, whenever it came. Others look at the
            last window: ``"de.evidence<20"``, ``"de.p_value>0.01"`` (the segment's
            smallest corrected p-value), ``"mean_shift<0.1"`` (of all rows together).

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
        """A check of each line: that it has no alarm."""
        found = self.alarms
        return [
            Check(
                f"{line} has no alarm",
                f"{line} has an alarm since {found[line]}" if line in found else None,
            )
            for line in self.content["settings"]["lines"]
        ]

    def _numbers(self) -> Numbers:
        """Every number that a condition can name, and why it is missing."""
        return numbers(self.content)

    def __repr__(self) -> str:
        windows = counted(len(self.content["windows"]), "window")
        return f"WindowsReport({windows}: {self.sentence})"

    def _page(self, title: str) -> str:
        return page(self.content, title)

    def _repr_html_(self) -> str:
        return fragment(self.content)
