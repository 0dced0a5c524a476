"""What `Windows` keeps: the reference, the pool, rows that wait, and what was found."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._plurals import counted, plural
from vaccine_swift.drift.archive import checksum
from vaccine_swift.drift.groups import row_labels
from vaccine_swift.drift.rows import float64_rows, rows
from vaccine_swift.drift.segment_tests import FEWEST
from vaccine_swift.drift.two_sample_content import ALL

__all__ = ["Part", "WindowsState", "lines_of"]

_COMPARED: Final = ("tests", "level", "permutations", "most_rows", "seed", "segments")


@dataclass(frozen=True)
class Part:
    """Rows, and the segment of each.

    Parameters
    ----------
    rows : array, float32 or float64 [N, d]
        All of a state in the type of the reference.
    labels : array of str [N], or None
    """

    rows: npt.NDArray[Any]
    labels: npt.NDArray[np.str_] | None

    @classmethod
    def of(cls, value: Any, name: str, dtype: npt.DTypeLike | None = None) -> Part:
        """Rows without labels, as float32 where neither they nor `dtype` are float64.

        They may share memory with what is given; see `sample`.

        Raises
        ------
        TypeError, ValueError
            When it is no array [N, d] of real numbers that are finite in that type;
            names the argument.
        """
        array = rows(value, name)
        if dtype is None:
            dtype = np.float64 if array.dtype == np.float64 else np.float32
        words = ""
        if array.dtype != dtype:
            words = f" as {np.dtype(dtype)}"
            with np.errstate(over="ignore"):
                array = float64_rows(array).astype(dtype)
        bad = ~np.isfinite(array)
        if bad.any():
            count = int(bad.sum())
            row, column = np.argwhere(bad)[0]
            raise ValueError(
                f"{name} must be finite{words}, but {counted(count, 'element')} "
                f"{plural(count, 'is', 'are')} not, the first in row {row}, column "
                f"{column}"
            )
        return cls(array, None)

    @classmethod
    def labelled(
        cls, value: Any, name: str, segments: Any, dtype: npt.DTypeLike | None = None
    ) -> Part:
        """Rows with the segment of each, if there are any; as `of`.

        Raises
        ------
        TypeError, ValueError
            As `of`; also when there is not one label for each row.
        """
        part = cls.of(value, name, dtype)
        if segments is None:
            return part
        return cls(part.rows, row_labels(segments, len(part), "segments"))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: npt.NDArray[Any]) -> Part:
        labels = None if self.labels is None else self.labels[chosen]
        return Part(self.rows[chosen], labels)

    def __add__(self, other: Part) -> Part:
        labels = None
        if self.labels is not None and other.labels is not None:
            labels = np.concatenate([self.labels, other.labels])
        return Part(np.concatenate([self.rows, other.rows]), labels)

    def sample(self, most: int, rng: np.random.Generator) -> Part:
        """A copy of at most so many rows, each set as likely, in their order."""
        if len(self) <= most:
            return Part(self.rows.copy(), self.labels)
        return self[np.sort(rng.choice(len(self), most, replace=False))]

    def equals(self, other: Part) -> bool:
        """Whether rows and labels are the same."""
        pairs = ((self.rows, other.rows), (self.labels, other.labels))
        return self.rows.dtype == other.rows.dtype and all(
            np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs
        )

    def fingerprint(self) -> str:
        """A digest of rows and labels, in their order."""
        arrays, names = {"rows": self.rows}, []
        if self.labels is not None:
            known, arrays["labels"] = np.unique(self.labels, return_inverse=True)
            names = known.tolist()
        return checksum(arrays, {"labels": names})

    @property
    def memory(self) -> int:
        """Bytes."""
        return self.rows.nbytes + (0 if self.labels is None else self.labels.nbytes)


def lines_of(reference: Part) -> list[str]:
    """All rows, and the segments with rows enough, in their order.

    Raises
    ------
    ValueError
        When a segment is called as all rows are.
    """
    if reference.labels is None:
        return [ALL]
    names, counts = np.unique(reference.labels, return_counts=True)
    if ALL in names:
        raise ValueError(f"segments: the name {ALL!r} stands for all rows")
    return [ALL, *map(str, names[counts >= FEWEST])]


@dataclass
class WindowsState:
    """Settings, rows and results.

    Parameters
    ----------
    lines : list of str
        "all" and the segments of the reference that have rows enough.
    reference, pool : Part
        Of the reference, and of the reference and the windows tested so far.
    waiting : dict of str to Part
        Windows that were not tested yet.
    tested : list of dict
        What was found of each window, in plain values.
    """

    tests: list[str]
    level: float
    permutations: int
    most_rows: int
    seed: int
    lines: list[str]
    reference: Part
    pool: Part
    waiting: dict[str, Part] = field(default_factory=dict)
    tested: list[dict[str, Any]] = field(default_factory=list)

    @property
    def segments(self) -> list[str]:
        """Those that have a line."""
        return self.lines[1:]

    @property
    def threshold(self) -> float:
        """The evidence at which a line has its alarm: by Ville and Bonferroni."""
        return len(self.lines) / self.level

    def names(self) -> list[str]:
        """Of the windows that were tested."""
        return [each["name"] for each in self.tested]

    def has_tested(self, name: str, part: Part) -> bool:
        """Whether a window of this name was tested, with just these rows."""
        known = [each for each in self.tested if each["name"] == name]
        return any(each.get("fingerprint") == part.fingerprint() for each in known)

    def copy(self) -> WindowsState:
        """A state that shares nothing which changes."""
        return dataclasses.replace(
            self, waiting=dict(self.waiting), tested=copy.deepcopy(self.tested)
        )

    def merged(self, other: WindowsState) -> WindowsState:
        """Both together.

        Rows that wait and are those of a window that was tested are left out.

        Raises
        ------
        ValueError
            When settings or references differ, or each has tested what the other has
            not, or one waits with other rows of a window that was tested.
        """
        for name in _COMPARED:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise ValueError(f"other must have {name} {mine!r}, got {theirs!r}")
        if not self.reference.equals(other.reference):
            raise ValueError("other must have the same reference")
        longer, shorter = sorted(
            (self, other), key=lambda each: len(each.tested), reverse=True
        )
        if longer.tested[: len(shorter.tested)] != shorter.tested:
            raise ValueError(
                "other must not have tested windows of its own: merge before testing"
            )
        both = longer.copy()
        both.waiting = {}
        names = set(both.names())
        for name, part in (*self.waiting.items(), *other.waiting.items()):
            if name not in names:
                known = both.waiting.get(name)
                both.waiting[name] = part if known is None else known + part
            elif not both.has_tested(name, part):
                raise ValueError(
                    f"other must not add rows to the window {name!r}, which was "
                    "tested; new rows make a window of another name"
                )
        return both
