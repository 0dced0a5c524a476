"""What reports of rows that are not pairs share: one mapping of plain values."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vaccine_swift._arguments import check_word
from vaccine_swift.drift.gate import Numbers, number_failure
from vaccine_swift.drift.junit import Check, junit_text
from vaccine_swift.drift.plain_report import PlainReport
from vaccine_swift.files import write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vaccine_swift.pages.drawing import Drawing

__all__ = ["KeptReport"]


@dataclass(frozen=True, repr=False, eq=False)
class KeptReport(PlainReport):
    """A report that can be kept, read again and shown.

    Parameters
    ----------
    content : mapping
        As `to_dict` gives it; checked and copied.

    Raises
    ------
    TypeError, ValueError
        When `content` is not of the schema of its class.
    """

    schema: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]
    """What the content must have."""
    title: ClassVar[str]
    """The heading of a page that is given none."""

    def __post_init__(self) -> None:
        if not isinstance(self.content, Mapping):
            kind = type(self.content).__name__
            raise TypeError(f"content must be a mapping, got {kind}")
        if self.content.get("schema") != self.schema:
            found = self.content.get("schema")
            raise ValueError(
                f"content must have the schema {self.schema!r}, got {found!r}"
            )
        for key in self.keys:
            if key not in self.content:
                raise ValueError(f"content must have {key!r}, which is missing")
        object.__setattr__(self, "content", copy.deepcopy(dict(self.content)))

    def _drawn(
        self,
        drawings: Mapping[str, Callable[[Mapping[str, Any]], Drawing]],
        kind: str,
        ax: Axes | None,
    ) -> Figure:
        """The body of every `plot`."""
        from vaccine_swift.pages.plot import shown_on

        check_word("kind", kind, drawings, quoted=True)
        drawing = drawings[kind](self.content)
        if drawing.empty:
            raise ValueError(f"kind={kind!r}: the report has nothing of it to draw")
        return shown_on(drawing, ax)

    def to_html(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        title: str | None = None,
    ) -> str:
        """One HTML page below 400 kB that needs no other file and no script.

        Parameters
        ----------
        path : path, optional
            Also write it there; the file appears whole or not at all.
        title : str, optional
            The page's heading; by default what kind of report it is.

        Returns
        -------
        str
            HTML with inline SVG.

        Raises
        ------
        OSError
            When the disk refuses.
        """
        text = self._page(self.title if title is None else title)
        if path is not None:
            write_text(path, text)
        return text

    def to_junit(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        conditions: Sequence[str] = (),
    ) -> str:
        """The conditions as JUnit's XML, which build servers show.

        Parameters
        ----------
        path : path, optional
            Also write it there; the file appears whole or not at all.
        conditions : sequence of str
            As of `assert_that`, a case for each; without any, a case for each
            segment or line, which fails where it moved or has an alarm.

        Raises
        ------
        OSError
            When the disk refuses.
        ValueError
            When a condition cannot be read, or the report has no such number.
        """
        checks = [
            Check(each, number_failure(each, self._numbers())) for each in conditions
        ]
        return junit_text("drift", checks or self._checks(), self.sentence, path)

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        raise NotImplementedError

    def _page(self, title: str) -> str:
        """The whole page below a heading."""
        raise NotImplementedError

    def _checks(self) -> list[Check]:
        """What is checked where no condition is given."""
        raise NotImplementedError

    def _numbers(self) -> Numbers:
        """Every number that a condition can name, and why it is missing."""
        raise NotImplementedError
