"""Numbers for people: both ends of an interval in one form."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaccine_swift.pages.numbers import interval_digits


def read(text: str) -> float:
    return float(text.replace("\u202f", "").replace("−", "-"))


def form(text: str) -> tuple[int, str]:
    """Decimals and power of ten."""
    _, decimals, power = re.fullmatch(r"([^.e]*)\.?(\d*)(e.*)?", text).groups()
    return len(decimals), power or ""


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((0.9999998, 1.0), ("0.99999980", "1.00000000")),
        ((12.34, 15.0), ("12.3", "15.0")),
        ((0.5, 120.3), ("0.50", "120.30")),
        ((-0.0421, 0.3), ("−0.042", "0.300")),
        ((0.0, 0.0), ("0.00", "0.00")),
        ((1.5e6, 2.25e6), ("1.50e6", "2.25e6")),
        ((math.nan, 2.0), ("–", "2.00")),
    ],
)
def test_ends_by_hand(ends, expected) -> None:
    assert interval_digits(*ends) == expected


finite = st.floats(-1e12, 1e12, allow_subnormal=False).filter(
    lambda value: value == 0 or abs(value) > 1e-12
)


@given(finite, finite)
def test_both_ends_have_one_form_and_are_told_apart(first, second) -> None:
    low, high = sorted((first, second))
    texts = interval_digits(low, high)
    assert form(texts[0]) == form(texts[1])
    if high - low > 1e-11 * max(abs(low), abs(high)):
        assert texts[0] != texts[1]
    for text, value in zip(texts, (low, high), strict=True):
        largest = max(abs(low), abs(high))
        assert read(text) == pytest.approx(value, abs=0.5001e-2 * largest)
