"""Numbers for people."""

from __future__ import annotations

import math

__all__ = ["digits"]


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
    return f"{value:,.{decimals}f}".replace(",", "\u202f").replace("-", "−")
