"""What settings and rows of windows may be, and how rows are kept."""

from __future__ import annotations

import math
import re

import ml_dtypes
import numpy as np
import pytest
from drift_windows import LABELS, REFERENCE, WEEKS, windows

from vaccine_swift import drift


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"reference": REFERENCE[:4]}, ValueError, "reference must have at least 5"),
        (
            {"reference": [[math.nan]] * 9},
            ValueError,
            "reference must be finite, but 9",
        ),
        ({"segments": LABELS[:9]}, ValueError, "segments must have one label"),
        ({"segments": ["all"] * 120}, ValueError, "'all' stands for all"),
        ({"tests": ["mdm"]}, ValueError, "Did you mean 'mmd'"),
        ({"tests": "mmd"}, TypeError, "sequence of names"),
        ({"level": 0}, ValueError, "level"),
        ({"permutations": 0}, ValueError, "permutations"),
        ({"most_rows": 10}, ValueError, "most_rows must be at least 100"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_bad_settings_name_themselves(options, error, words) -> None:
    with pytest.raises(error, match=re.escape(words)):
        drift.Windows(**{"reference": REFERENCE, **options})


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((3.5, REFERENCE, LABELS), TypeError, "name must be a str, int or date"),
        ((True, REFERENCE, LABELS), TypeError, "got bool"),
        ((" ", REFERENCE, LABELS), ValueError, "name must not be empty"),
        (("w", REFERENCE[:, :3], LABELS), ValueError, "x must have the 4 columns"),
        (("w", np.full((2, 4), np.inf), ["a", "b"]), ValueError, "x must be finite"),
        (("w", REFERENCE, None), ValueError, "for none; the reference has some"),
        (("w", REFERENCE, LABELS[:3]), ValueError, "segments must have one label"),
    ],
)
def test_bad_rows_name_themselves_and_change_nothing(arguments, error, words) -> None:
    made = windows({})
    name, rows, labels = arguments
    with pytest.raises(error, match=re.escape(words)):
        made.add(name, rows, segments=labels)
    assert made.names == []
    assert made.report().sentence == "No window was tested."


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_rows_of_16_bits_are_kept_as_float32(dtype) -> None:
    made = drift.Windows(np.arange(60).reshape(20, 3).astype(dtype))
    assert made.memory == 2 * 60 * 4


def test_rows_are_kept_in_the_type_of_the_reference() -> None:
    made = drift.Windows(REFERENCE.astype(np.float32), tests=["ks"])
    given = WEEKS["2026-W40"].copy()
    made.add("a", given)
    given += 100
    made.add("a", given[:5] - 100)
    assert made.memory == (2 * 120 + 125) * 4 * 4
    found = made.report().to_dict()["windows"][0]
    assert found["rows"] == 125
    assert found["lines"]["all"]["mean_shift"] < 1
    with pytest.raises(
        ValueError, match="x must be finite as float32, but 1 element is"
    ):
        made.add("b", [[1e39, 0, 0, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16, np.int16, ">f4"])
def test_rows_of_any_type_are_read(kind) -> None:
    sides = [(8 * rows).round().astype(kind) for rows in (REFERENCE, REFERENCE + 1)]
    shifts = []
    for x, y in (sides, [side.astype(float) for side in sides]):
        made = drift.Windows(x, tests=["ks"], permutations=19).add("a", y)
        entry = made.report().to_dict()["windows"][0]["lines"]["all"]
        shifts.append(entry["mean_shift"])
    assert shifts[0] == pytest.approx(shifts[1], rel=1e-5)
