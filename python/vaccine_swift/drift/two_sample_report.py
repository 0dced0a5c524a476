"""`TwoSampleReport`: what `two_sample` found, as a sentence, tables, a page, a gate."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift._arguments import nearest
from vaccine_swift.drift.gate import Condition, DriftExceeded
from vaccine_swift.drift.report_schema import shown
from vaccine_swift.drift.two_sample_content import ALL, SCHEMA, moved, or_nan, sentence
from vaccine_swift.drift.two_sample_drawings import DRAWINGS
from vaccine_swift.drift.two_sample_page import fragment, page
from vaccine_swift.files import write_text
from vaccine_swift.files.plain_json import json_text, plain
from vaccine_swift.files.strict_json import parse_json

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["TwoSampleReport"]

_KEYS: Final = ("settings", "segments", "columns", "map")


@dataclass(frozen=True, repr=False)
class TwoSampleReport:
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

    content: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not isinstance(self.content, Mapping):
            kind = type(self.content).__name__
            raise TypeError(f"content must be a mapping, got {kind}")
        if self.content.get("schema") != SCHEMA:
            found = self.content.get("schema")
            raise ValueError(f"content must have the schema {SCHEMA!r}, got {found!r}")
        for key in _KEYS:
            if key not in self.content:
                raise ValueError(f"content must have {key!r}, which is missing")
        object.__setattr__(self, "content", copy.deepcopy(dict(self.content)))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TwoSampleReport:
        """Read what `to_json` wrote.

        Raises
        ------
        OSError, ValueError
            When there is no such file, or it is no report of two samples.
        """
        try:
            return cls(parse_json(Path(path).read_text("utf-8")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} is no report of two samples: {error}") from error

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

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as strict JSON; NaN becomes null.

        Parameters
        ----------
        path : path, optional
            Also write it there; the file appears whole or not at all.

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
        title: str = "Two sets of embeddings",
    ) -> str:
        """One HTML page below 400 kB that needs no other file and no script.

        Parameters
        ----------
        path : path, optional
            Also write it there; the file appears whole or not at all.
        title : str
            The page's heading.

        Raises
        ------
        OSError
            When the disk refuses.
        """
        text = page(self.content, title)
        if path is not None:
            write_text(path, text)
        return text

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each segment and test.

        Raises
        ------
        ImportError
            Without pandas (``pip install 'vaccine-swift[drift]'``).
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "to_dataframe needs pandas: pip install 'vaccine-swift[drift]'"
            ) from error
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
        kind : {"map", "density", "means", "shifts"}
            Both sets on their two leading principal components; where the current set
            is denser; how the segments' means went; the size of each segment's shift.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            When `kind` is unknown, or there is nothing to draw.
        """
        from vaccine_swift.pages.plot import shown_on

        if kind not in DRAWINGS:
            hint = nearest(str(kind), DRAWINGS)
            known = ", ".join(map(repr, DRAWINGS))
            raise ValueError(f"kind must be one of {known}, got {kind!r}.{hint}")
        drawing = DRAWINGS[kind](self.content)
        if drawing.empty:
            raise ValueError(f"kind={kind!r}: the report has nothing of it to draw")
        return shown_on(drawing, ax)

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
        if not conditions:
            raise ValueError("conditions must hold at least one condition, got none")
        failures = []
        for condition in map(Condition.parse, conditions):
            value, reason = self._number(condition.name)
            if not condition.holds(value):
                limit = shown("", condition.limit)
                why = f" ({reason})" if reason else ""
                failures.append(
                    f"{condition.name} must be {condition.relation} {limit}, "
                    f"got {shown('', value)}{why}"
                )
        if failures:
            raise DriftExceeded(failures)

    def _number(self, name: str) -> tuple[float, str | None]:
        """A number by its name, and why it is missing."""
        numbers: dict[str, tuple[float, str | None]] = {}
        for segment, entry in self.content["segments"].items():
            prefixes = [f"{segment}.", *([""] if segment == ALL else [])]
            for prefix in prefixes:
                for key in ("p_value", "mean_shift"):
                    numbers[prefix + key] = (or_nan(entry[key]), entry["reason"])
                for test in self.content["settings"]["tests"]:
                    found = entry["tests"].get(test, {})
                    for key in ("p_value", "p_holm", "statistic", "effect_size"):
                        value = or_nan(found.get(key))
                        numbers[f"{prefix}{test}.{key}"] = (value, entry["reason"])
        if name not in numbers:
            known = [f"{segment}.p_value" for segment in self.content["segments"]]
            hint = (
                nearest(name, numbers) or f" Known are {', '.join(known)} and others."
            )
            raise ValueError(f"the report has no number {name!r}.{hint}")
        return numbers[name]

    def __repr__(self) -> str:
        n, m = self.content["settings"]["rows"]
        return f"TwoSampleReport({n} and {m} rows: {self.sentence})"

    def _repr_html_(self) -> str:
        return fragment(self.content)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TwoSampleReport):
            return NotImplemented
        return bool(plain(self.content) == plain(other.content))

    __hash__ = None  # type: ignore[assignment]
