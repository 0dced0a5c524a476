"""Axes of the page's charts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaccine_swift.pages import scales

finite = st.floats(-1e12, 1e12, allow_subnormal=False)


@given(values=st.lists(finite, min_size=1, max_size=5), zero=st.booleans())
def test_every_value_is_between_the_ends_and_ticks_rise(values, zero) -> None:
    scale = scales.linear(values, zero=zero)
    assert scale.low < scale.high
    assert all(0 <= scale.place(value) <= 1 for value in values)
    ticks = [value for value, _ in scale.ticks]
    assert ticks == sorted(set(ticks))
    assert 2 <= len(ticks) <= 9
    spread = max(max(values) - min(values), 1e-9)
    if spread > 1e-6 * max(map(abs, values)):
        names = [text for _, text in scale.ticks]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.999, 1.0], ["0.9990", "0.9992", "0.9994", "0.9996", "0.9998", "1.0000"]),
        ([0, 0.12], ["0 %", "5 %", "10 %", "15 %"]),
        ([0, 8e6], ["0", "2e6", "4e6", "6e6", "8e6"]),
        ([0, 1.7e6], ["0.0", "0.5e6", "1.0e6", "1.5e6", "2.0e6"]),
        (
            [0, 38_447],
            ["0", "10\u202f000", "20\u202f000", "30\u202f000", "40\u202f000"],
        ),
        ([-2e-7, 1e-7], ["−2e−7", "−1e−7", "0", "1e−7"]),
        (
            [0, 2.1e-15],
            ["0 %", "5e−14 %", "10e−14 %", "15e−14 %", "20e−14 %", "25e−14 %"],
        ),
        ([2.3e-308], ["−1.0", "−0.5", "0.0", "0.5", "1.0"]),
        ([0, 4e-289], ["0", "1e−289", "2e−289", "3e−289", "4e−289"]),
        ([1 - 9e-9, 1.0], ["1−10e−9", "1−8e−9", "1−6e−9", "1−4e−9", "1−2e−9", "1"]),
        ([-0.001, 0.001], ["−0.10 %", "−0.05 %", "0.00 %", "0.05 %", "0.10 %"]),
    ],
)
def test_ticks_are_named_with_the_digits_that_tell_them_apart(values, expected) -> None:
    scale = scales.linear(values, per_cent="%" in expected[0])
    assert [text for _, text in scale.ticks] == expected


@given(values=st.lists(st.floats(1e-30, 1e30), min_size=1, max_size=5))
def test_a_logarithmic_scale_reaches_round_powers(values) -> None:
    scale = scales.logarithmic(values)
    assert scale.low <= min(values) * (1 + 1e-9)
    assert max(values) <= scale.high * (1 + 1e-9)
    assert math.log10(scale.low) == pytest.approx(round(math.log10(scale.low)))
    assert scale.place(scale.low) == 0
    assert scale.place(scale.high) == 1


def test_cells_put_the_first_row_on_top_when_asked() -> None:
    up, down = scales.cells(4), scales.cells(4, downwards=True)
    assert [up.place(k) for k in (0, 3)] == [0.125, 0.875]
    assert down.ticks[0] == (3, "0")


def test_ticks_stand_at_the_values_and_leave_out_what_has_no_room() -> None:
    scale = scales.at([0.0, 0.005, 0.1, 0.2])
    assert scale.ticks == ((0.0, "0"), (0.1, "0.1"), (0.2, "0.2"))
    assert not scale.logarithmic
    assert scale.place(0.1) == pytest.approx(0.5)
    wide = scales.at([0.1, 1.0, 10.0])
    assert wide.logarithmic
    assert wide.place(1.0) == pytest.approx(0.5)
    assert scales.at([3.0]).place(3.0) == pytest.approx(0.5)
    assert [text for _, text in scales.at([0, 1], ["a", "b"]).ticks] == ["a", "b"]


def test_what_lies_beside_the_ticks_is_on_the_scale() -> None:
    scale = scales.at([2.0, 5.0, 8.0, 11.0], ["c", "f", "i", "l"], [0.0, 1.0, 4.5])
    places = [scale.place(value) for value in (0.0, 1.0, 2.0, 11.0)]
    assert 0 < places[0] < places[1] < places[2] < places[3] < 1
    assert places[1] - places[0] == pytest.approx(places[2] - places[1])


def test_long_names_of_rows_keep_what_tells_them_apart() -> None:
    at_the_end = [f"a_long_name_of_many_customers-{k}" for k in (44, 56)]
    at_the_start = [
        "first of the names that are long",
        "last of the names that are long",
    ]
    for names in (at_the_end, at_the_start):
        texts = [text for _, text in scales.rows(names).ticks]
        assert len(set(texts)) == 2
        assert all(len(text) <= 24 for text in texts)
    assert scales.rows(["short"]).ticks[0][1] == "short"
