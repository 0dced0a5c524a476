"""`Windows`: embeddings of week after week against one reference."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range, nearest
from vaccine_swift._plurals import counted
from vaccine_swift.drift.kept_state import KeptState
from vaccine_swift.drift.segment_tests import FEWEST, checked_tests, permutations_for
from vaccine_swift.drift.watch import Progress, Watch
from vaccine_swift.drift.windows_content import windows_content
from vaccine_swift.drift.windows_report import WindowsReport
from vaccine_swift.drift.windows_state import Part, WindowsState, lines_of
from vaccine_swift.drift.windows_testing import next_state

__all__ = ["Windows"]


class Windows(KeptState[WindowsState]):
    """Tests window after window of rows against a reference, with alarms over time.

    Each window is tested against the reference as by `two_sample`: whether this week
    differs. Beside it, each line (all rows, and each segment of the reference) gathers
    evidence over all windows, of which one may look at every window without end: if
    reference and windows are exchangeable, the chance that any line ever has an alarm
    is at most `level`.

    Parameters
    ----------
    reference : array [n, d]
        At least 5 rows: independent ones, so of a prompt with several rows, one.
    segments : sequence of n labels, optional
        The segment of each row, such as its language. Those with fewer than 5 rows have
        no line.
    tests : sequence of {"mmd", "energy", "ks", "classifier"}
        Of each window against the reference; the evidence is that of MMD, always.
    level : float
        The chance of any false alarm, ever; and of each window by itself, the level
        after Holm's correction over its segments and tests.
    permutations : int, optional
        B of every permutation test; by default 999, or as many as let the smallest
        p-value of a window, corrected for all its tests, be half of `level`.
    most_rows : int
        Rows of the reference, of the pool and of a window that a test sees at most,
        drawn by `seed`; of a window, a quarter of it enters the pool at most.
    seed : int
        Of all draws.
    metadata : mapping, optional
        Kept with the report.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit; names the argument.

    Notes
    -----
    The evidence is a conformal test martingale [1]_ over windows. Window t is compared
    with the pool of the reference and all windows before it, and the rank of its MMD
    among B permutations of the pooled rows is uniform given all later ranks, hence
    ranks are independent. (Of tests against the same reference they are not: one
    unlucky reference makes all windows look odd, and a product of their e-values
    raises false alarms.) A rank is a bet on being small, an e-value [2]_; the evidence
    is the product, averaged over several bets and over the window at which betting
    starts. By Ville's inequality it ever reaches lines / level with probability at most
    level / lines, and the lines together do so with probability at most `level`.

    What has drifted enters the pool as well, so evidence of a lasting drift stops to
    grow when the pool is like the windows. Where the pool is full it forgets: a drift
    that takes many windows may be absorbed, which `mean_shift`, always against the
    reference, still shows.

    Threads take turns, as with `Accumulator`.

    References
    ----------
    .. [1] Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2nd ed.,
       2022, ch. 8; Vovk et al., Retrain or not retrain, COPA 2021, arXiv:2102.10439.
    .. [2] Vovk, Wang, E-values: calibration, combination and applications, Ann.
       Statist. 49, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> language = np.repeat(["de", "en"], 100)
    >>> windows = Windows(rng.normal(size=(200, 4)), segments=language, tests=["mmd"])
    >>> for week in range(46, 50):
    ...     x = rng.normal(size=(200, 4))
    ...     x[:100] += week > 47
    ...     _ = windows.add(f"2026-W{week}", x, segments=language)
    >>> windows.report().sentence
    'de has drifted (alarm since 2026-W49); no drift was found in en.'
    """

    called = "windows"

    @staticmethod
    def _files() -> Any:
        from vaccine_swift.drift import windows_storage

        return windows_storage

    def __init__(
        self,
        reference: npt.ArrayLike,
        *,
        segments: Any = None,
        tests: Sequence[str] = ("mmd", "ks"),
        level: float = 0.05,
        permutations: int | None = None,
        most_rows: int = 10_000,
        seed: int = 0,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        names = list(checked_tests(tests, None))
        check_range("level", level, above=0.0, below=1.0)
        check_range("most_rows", most_rows, minimum=100, maximum=2**20, integer=True)
        check_range("seed", seed, minimum=0, maximum=2**63 - 1, integer=True)
        whole = Part.labelled(reference, "reference", segments)
        if len(whole) < FEWEST:
            raise ValueError(
                f"reference must have at least {FEWEST} rows, got {len(whole)}"
            )
        kept = whole.sample(int(most_rows), np.random.default_rng(int(seed)))
        lines = lines_of(kept)
        state = WindowsState(
            tests=names,
            level=float(level),
            permutations=permutations_for(
                permutations, len(lines) * len(names), float(level)
            ),
            most_rows=int(most_rows),
            seed=int(seed),
            lines=lines,
            reference=kept,
            pool=kept,
        )
        self._keep(state, dict(metadata or {}))

    def add(
        self, name: str | int | dt.date, x: npt.ArrayLike, *, segments: Any = None
    ) -> Windows:
        """Add rows to a window; all or nothing.

        A window's rows may come in parts. It is tested by the next `report`, after
        those that were begun before it; it takes no more rows then, since a test that
        has been looked at would not be one of the larger window. All of its rows again,
        in their order, change nothing: a job that is run twice finds what it found.

        Parameters
        ----------
        name : str, int or date
            Of the window, such as ``"2026-W48"``.
        x : array [m, d]
            Rows of what `Accumulator.update` takes, kept in the reference's type:
            float64, or float32 for any other.
        segments : sequence of m labels, optional
            As of the reference, and like it or not there at all. A segment that the
            reference lacks is counted and named.

        Returns
        -------
        Windows
            Itself.

        Raises
        ------
        TypeError, ValueError
            For arguments that do not fit, elements that are NaN or infinite, or the
            name of a window that was tested with other rows.
        """
        if isinstance(name, bool) or not isinstance(name, str | int | dt.date):
            raise TypeError(
                f"name must be a str, int or date, got {type(name).__name__}"
            )
        with self._turn:
            state, text = self._state, str(name)
            if not text.strip():
                raise ValueError(f"name must not be empty, got {name!r}")
            part = Part.labelled(x, "x", segments, state.reference.rows.dtype)
            width = state.reference.rows.shape[1]
            if part.rows.shape[1] != width:
                raise ValueError(
                    f"x must have the {counted(width, 'column')} of the reference, "
                    f"got {part.rows.shape[1]}"
                )
            if (part.labels is None) != (state.reference.labels is None):
                had = "none" if state.reference.labels is None else "some"
                raise ValueError(
                    "segments must be given for the reference and for all windows, or "
                    f"for none; the reference has {had}"
                )
            if text in state.names():
                if state.has_tested(text, part):
                    return self
                raise ValueError(
                    f"name must be that of a window which was not tested yet, "
                    f"got {text!r} with other rows than were tested"
                )
            known = state.waiting.get(text)
            if known is None:
                part = Part(part.rows.copy(), part.labels)
            state.waiting[text] = part if known is None else known + part
        return self

    def merge(self, other: Windows) -> Windows:
        """Both together; the parts stay as they are.

        Rows of one window that came to both are one window, first those of `self`; it
        is as if they all had been added to one. So the rows of a week can be gathered
        on many machines, from copies of one state. A window that waits in one and was
        tested in the other, with the same rows, stays as it was tested.

        Raises
        ------
        TypeError
            When `other` is no `Windows`.
        ValueError
            When settings or references differ, or one has tested a window that the
            other has tested otherwise or has other rows of.
        """
        if not isinstance(other, Windows):
            raise TypeError(f"other must be a Windows, got {type(other).__name__}")
        with other._turn:
            theirs = other._state.copy()
        with self._turn:
            merged = self._state.merged(theirs)
        return Windows._restored(merged, {**other.metadata, **self.metadata})

    def report(
        self, *, until: str | int | dt.date | None = None, progress: Progress = False
    ) -> WindowsReport:
        """Test the windows that wait, in the order in which they were begun.

        Parameters
        ----------
        until : str, int or date, optional
            The window with which the report ends: what it was when that window was the
            last. By default all that were tested.
        progress : bool or callable
            True: a bar on standard error where that is a terminal. A callable gets the
            stage, such as "mmd of de in 2026-W49", the share of it that is done, and
            1.0; 20 times a second at most.

        Returns
        -------
        WindowsReport

        Raises
        ------
        ValueError
            When there is no window `until`.
        KeyboardInterrupt
            On Ctrl-C, within a second; windows that were not tested still wait.
        """
        last = None if until is None else str(until)
        with self._turn, Watch(progress) as watch:
            if last is not None and last not in self.names:
                hint = nearest(last, self.names)
                raise ValueError(f"until must name a window, got {last!r}.{hint}")
            while self._state.waiting:
                self._state = next_state(self._state, watch)
            return WindowsReport(windows_content(self._state, self.metadata, last))

    @property
    def names(self) -> list[str]:
        """Windows in their order, those that were tested first."""
        return [*self._state.names(), *self._state.waiting]

    @property
    def waiting(self) -> list[str]:
        """Windows that the next `report` tests."""
        return list(self._state.waiting)

    @property
    def memory(self) -> int:
        """Bytes of the rows that are kept."""
        state = self._state
        parts = [state.reference, state.pool, *state.waiting.values()]
        return sum(part.memory for part in parts)

    def __repr__(self) -> str:
        state = self._state
        return (
            f"Windows({counted(len(state.reference), 'reference row', form=',')} of "
            f"width {state.reference.rows.shape[1]}, "
            f"{counted(len(state.tested), 'window')} tested, {len(state.waiting)} "
            "waiting)"
        )
