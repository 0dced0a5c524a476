"""Numbers for people."""

from __future__ import annotations

import math

__all__ = ["digits", "interval_digits", "unbroken", "whole_number"]

_THIN = "\u202f"
"""Between thousands; no line is broken at it."""


def whole_number(value: object) -> str:
    """A whole number, its thousands apart; anything else as it is."""
    return f"{value:,}".replace(",", _THIN) if isinstance(value, int) else str(value)


def unbroken(text: str) -> str:
    """A text whose numbers stay on one line with their sign for per cent."""
    return text.replace(" %", "\u00a0%")


def digits(value: float) -> str:
    """Three significant digits."""
    size = abs(value)
    if size != 0 and (size >= 1e5 or size < 1e-3):
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    # Of a similarity near 1, the digits that matter are those of its distance to 1.
    if 0.9 < size < 1:
        decimals = min(1 - math.floor(math.log10(1 - size)), 6)
    else:
        decimals = max(0, 2 - math.floor(math.log10(size))) if size else 0
    return f"{value:,.{decimals}f}".replace(",", _THIN).replace("-", "−")


def interval_digits(low: float, high: float) -> tuple[str, str]:
    """Both ends of an interval, with one number of decimals and one power of ten.

    At least three significant digits of the larger end, two of the smaller end where
    it is no tiny part of the larger one, and two of the width.

    Parameters
    ----------
    low, high : float
        In this order; an end that is not finite is a dash.

    Examples
    --------
    >>> interval_digits(0.9999998, 1.0)
    ('0.99999980', '1.00000000')
    >>> interval_digits(2.31e-5, 0.000145)
    ('0.23e−4', '1.45e−4')
    """
    finite = [end for end in (low, high) if math.isfinite(end)]
    largest = max(map(abs, finite), default=0.0)
    power = _exponent(largest) if largest and not 1e-3 <= largest < 1e5 else 0
    needed = [0, 2 - _exponent(largest) + power if largest else 2]
    sizes = [abs(end) for end in finite if abs(end) > 1e-3 * largest]
    needed += [1 - _exponent(size) + power for size in sizes]
    width = abs(high - low) if len(finite) == 2 else 0.0
    if width:
        needed.append(1 - _exponent(width) + power)
    decimals = min(max(needed), 15)
    first, second = (_fixed(end, decimals, power) for end in (low, high))
    return first, second


def _fixed(value: float, decimals: int, power: int) -> str:
    if not math.isfinite(value):
        return "–"
    text = f"{value / 10.0**power:,.{decimals}f}" + (f"e{power}" if power else "")
    return text.replace(",", _THIN).replace("-", "−")


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value)))
