"""Exported CSV: a spreadsheet shows what a program reads."""

from __future__ import annotations

import csv
import io

import pytest

from vaccine_swift.files.spreadsheets import csv_text


@pytest.mark.parametrize(
    "text", ["=1+1", '=HYPERLINK("x")', "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "-"]
)
def test_a_text_that_begins_like_a_formula_is_made_a_text(text: str) -> None:
    for table in (csv_text([{text: 1}]), csv_text([{1: text}])):
        cells = list(csv.reader(io.StringIO(table, newline="")))[table[0] == "1"]
        assert cells == [f"'{text}"]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (-0.5, "-0.5"),
        ("-0.5", "-0.5"),
        ("+1e3", "+1e3"),
        (-3, "-3"),
        ("a=b", "a=b"),
        ("", ""),
        (None, ""),
        ("'=1", "'=1"),
        ("a,b\n", "a,b\n"),
    ],
)
def test_numbers_and_other_texts_stay_as_they_are(value: object, cell: str) -> None:
    table = csv_text([{"a": value, "b": None}, {"c": 1}])
    assert list(csv.reader(io.StringIO(table, newline="")))[1] == [cell, "", ""]
