"""Axes: where a value lies between 0 and 1, and which ticks to name."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Scale", "at", "cells", "layers", "linear", "logarithmic", "rows"]

_TINY = 1e-290
"""Above it, a tick's distance of 1e-12 of a value is a normal float64."""
_LONGEST = 24
"""Most letters of a row's name."""


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis.

    Parameters
    ----------
    low, high : float
        Ends, low below high.
    ticks : tuple of (float, str)
        Values that are named.
    logarithmic : bool
        Whether equal ratios are equal lengths.
    grid : bool
        Whether a line is drawn at every tick.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    logarithmic: bool = False
    grid: bool = True

    def place(self, value: float) -> float:
        """From 0 at `low` to 1 at `high`; values outside are at the ends."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        return min(max((value - low) / (high - low), 0.0), 1.0)


def linear(
    values: Iterable[float],
    *,
    zero: bool = False,
    per_cent: bool = False,
    count: int = 5,
) -> Scale:
    """A scale over the finite values with about `count` round ticks.

    `zero` makes the axis start at 0 where no value is negative. Values too small for
    ticks to differ in float64 count as 0.
    """
    finite = [
        value if abs(value) > _TINY else 0.0 for value in values if math.isfinite(value)
    ] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    if zero and low >= 0:
        low = 0.0
    if high - low <= 1e-12 * max(abs(high), abs(low), _TINY):
        spread = abs(high) * 0.1 or 1.0
        low, high = (low, high + spread) if zero else (low - spread, high + spread)
    step = _round_step((high - low) / count)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(
        (k * step, text.replace("-", "−").replace(",", "\u202f"))
        for k, text in zip(
            range(first, last + 1),
            _names(first, last, step, per_cent=per_cent),
            strict=True,
        )
    )
    return Scale(first * step, last * step, ticks)


def _names(first: int, last: int, step: float, *, per_cent: bool) -> list[str]:
    """The multiples of a step, `first` to `last`, with the digits that differ."""
    factor, unit = (100.0, " %") if per_cent else (1.0, "")
    power = math.floor(math.log10(factor * step) + 1e-9)
    exponent = ""
    largest = factor * max(-first, last) * step
    if power > 3 and largest >= 1e5:
        top = math.floor(math.log10(largest) + 1e-9)
        factor, exponent, power = factor * 10.0**-top, f"e{top}", power - top
    elif largest < 1e-3:
        factor, exponent, power = factor * 10.0**-power, f"e{power}", 0
    elif not per_cent and power < -5 and abs(last * step - 1) < 100 * step:
        # So many digits have no room: the distance from 1 has.
        distances = [
            round((k * step - 1) / 10.0**power) for k in range(first, last + 1)
        ]
        return [f"1{each:+d}e{power}" if each else "1" for each in distances]
    return [
        f"{factor * k * step:,.{max(0, -power)}f}{exponent if k else ''}{unit}"
        for k in range(first, last + 1)
    ]


def logarithmic(values: Iterable[float]) -> Scale:
    """A scale over the positive finite values with a tick at each power of ten."""
    finite = [each for each in values if math.isfinite(each) and each > 0] or [0.1, 1.0]
    first = math.floor(math.log10(min(finite)) + 1e-9)
    last = max(math.ceil(math.log10(max(finite)) - 1e-9), first + 1)
    step = max(1, (last - first) // 5)
    ticks = tuple(
        (10.0**k, f"{10.0**k:g}" if -3 <= k <= 3 else f"1e{k}".replace("-", "−"))
        for k in range(first, last + 1, step)
    )
    return Scale(10.0**first, 10.0**last, ticks, logarithmic=True)


def at(
    values: Iterable[float],
    names: Iterable[str] | None = None,
    beside: Iterable[float] = (),
) -> Scale:
    """A scale with a tick at each of the values, some space beside the outer ones.

    It holds what is `beside` too, which has no ticks. It is logarithmic when the
    positive values span more than a factor of 20. A tick that has no room after the
    one before it is left out.
    """
    known = sorted(set(values))
    texts = [f"{value:g}" for value in known] if names is None else list(names)
    reach = [*known, *beside]
    low, high = min(reach), max(reach)
    ratio = high / low if low > 0 else 1.0
    if ratio > 20:
        low, high = low / ratio**0.06, high * ratio**0.06
    else:
        margin = 0.06 * (high - low) or 0.5
        low, high = low - margin, high + margin
    scale = Scale(low, high, (), logarithmic=ratio > 20)
    ticks: list[tuple[float, str]] = []
    for tick in zip(known, texts, strict=True):
        if not ticks or scale.place(tick[0]) - scale.place(ticks[-1][0]) > 0.08:
            ticks.append(tick)
    return dataclasses.replace(scale, ticks=tuple(ticks))


def layers(count: int) -> Scale:
    """A scale over layers 0 to `count` - 1, a tick at round indices."""
    if count == 1:
        return Scale(-0.5, 0.5, ((0, "0"),))
    step = max(1, round(_round_step((count - 1) / 6)))
    ticks = tuple((float(k), str(k)) for k in range(0, count, step))
    return Scale(0, count - 1, ticks)


def cells(count: int, *, downwards: bool = False) -> Scale:
    """A scale over `count` cells of a heat map; value k is the middle of cell k."""
    step = max(1, round(_round_step(count / 6)))
    ticks = tuple((float(k), str(k)) for k in range(0, count, step))
    if not downwards:
        return Scale(-0.5, count - 0.5, ticks, grid=False)
    turned = tuple((count - 1 - value, text) for value, text in ticks)
    return Scale(-0.5, count - 0.5, turned, grid=False)


def rows(names: Sequence[str]) -> Scale:
    """A scale over named rows, the first at the top; long names are cut."""
    last = len(names) - 1
    ticks = tuple((float(last - k), _cut(name)) for k, name in enumerate(names))
    return Scale(-0.5, last + 0.5, ticks, grid=False)


def _cut(name: str) -> str:
    """The start and the end of a long name, as names differ at either."""
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST // 2].rstrip()}…{name[1 - _LONGEST // 2 :].lstrip()}"


def _round_step(raw: float) -> float:
    """1, 2 or 5 times a power of ten, at least `raw`."""
    power = 10.0 ** math.floor(math.log10(raw))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= raw * (1 - 1e-9))
