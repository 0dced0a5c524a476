"""What a person or a program sees of a long measurement."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from vaccine_swift._progress_bar import ProgressBar

__all__ = ["Progress", "Told", "Watch"]

Progress = bool | Callable[[str, float, float | None], object]
Told = Callable[[float], object] | None

_OF_SHARES = "{desc} {percentage:3.0f}% |{bar:10}| {remaining} left"
_OF_ROWS = "{desc} {n_fmt}/{total_fmt} |{bar:10}| {remaining} left"


class Watch:
    """Tells of the stages of a measurement, in order.

    Parameters
    ----------
    progress : bool or callable
        True: a bar on standard error where that is a terminal, nothing elsewhere.
        A callable gets the stage's name, what is done of it, and of how much: 1.0, or
        a number of rows, None where that is not known.

    Raises
    ------
    TypeError
        For anything else.

    Attributes
    ----------
    where : str
        Ends the names of the stages that come: " of layer 3".
    """

    def __init__(self, progress: Progress) -> None:
        if not isinstance(progress, bool) and not callable(progress):
            raise TypeError(
                "progress must be a bool or a callable of stage, done and total, got "
                f"{type(progress).__name__}"
            )
        self._tell = progress if callable(progress) else None
        self._shown = progress is True and sys.stderr.isatty()
        self._bar: ProgressBar | None = None
        self.where = ""

    def stage(self, name: str, total: float | None = 1.0, *, unit: str = "") -> Told:
        """Begin a stage; what it gives is called with what is done, None: nobody asks.

        Parameters
        ----------
        name : str
        total : float, optional
            1.0: shares are told.
        unit : str
            Of what is counted.
        """
        self.close()
        name += self.where
        if self._tell is not None:
            tell = self._tell
            return lambda done: tell(name, done, total)
        if not self._shown:
            return None
        form = _OF_SHARES if total == 1.0 else _OF_ROWS
        counted: dict[str, Any] = {"bar_format": form}
        if total is None:
            counted = {"unit": unit, "unit_scale": True}
        bar = ProgressBar(desc=name, total=total, leave=False, **counted)
        self._bar = bar

        def move(done: float) -> None:
            bar.update(done - bar.n)

        return move

    def parts(self, name: str, count: int) -> list[Told]:
        """A stage of `count` equal parts, each of which tells its own share."""
        told = self.stage(name)
        if told is None:
            return [None] * count

        def part(index: int) -> Callable[[float], object]:
            return lambda done: told((index + done) / count)

        return [part(index) for index in range(count)]

    def over(self, name: str, steps: Sequence[int]) -> Iterator[int]:
        """A stage of equal steps, told of after each."""
        told = self.stage(name)
        for place, step in enumerate(steps):
            yield step
            if told is not None:
                told((place + 1) / len(steps))

    def inside(self, name: str) -> Progress:
        """A stage of one measurement as `progress` of the function that makes it."""
        told = self.stage(name)
        if told is None:
            return False
        return lambda stage, done, total: told(done)

    def close(self) -> None:
        """End the bar, also where a measurement ended with an error."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
