"""The shape of a value out of a file: what fits, and what is said of what does not."""

from __future__ import annotations

import numpy as np
import pytest

from vaccine_swift.files.shapes import (
    INTEGER,
    NUMBER,
    OPTIONAL,
    TEXT,
    Whole,
    check_shape,
    fits,
)

ROW = {
    "seed": INTEGER,
    "units": ([NUMBER], OPTIONAL),
    "by": {"*": (TEXT, NUMBER)},
    "whole": Whole(a=TEXT, b=bool),
}


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"seed": 3, "units": None, "more": object()},
        {"seed": 2**64 - 1},
        {"seed": np.int64(3), "units": [1, 2.5, np.float32(3)]},
        {"by": {"a": "x", "b": 1}, "whole": {"a": "", "b": False, "c": 1}},
    ],
)
def test_what_has_the_shape_passes(value) -> None:
    check_shape(value, ROW, "row")
    assert fits(value, ROW)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], r"row: must be an object, got \[\]"),
        ({"seed": 1.5}, "row: seed must be a whole number, got 1.5"),
        (
            {"seed": 2**64},
            "row: seed must be a whole number of at most 64 bits, got 18",
        ),
        ({"seed": -(10**400)}, "seed must be a whole number of at most 64 bits"),
        ({"seed": True}, "row: seed must be a whole number, got True"),
        ({"units": [1, None]}, r"row: units\[1\] must be a finite number, got None"),
        ({"units": [float("nan")]}, r"units\[0\] must be a finite number, got nan"),
        ({"units": [10**400]}, r"units\[0\] must be a finite number, got 1000"),
        ({"units": "12"}, "row: units must be a list or null, got '12'"),
        ({"whole": {"a": "x"}}, "row: whole must have 'b', got {'a': 'x'}"),
        ({"whole": {"a": "x", "b": "y"}}, "whole.b must be true or false, got 'y'"),
        ({"by": {"a": None}}, "by.a must be text or a finite number, got None"),
    ],
)
def test_what_has_not_is_named_with_its_place(value, message) -> None:
    assert not fits(value, ROW)
    with pytest.raises(ValueError, match=message) as caught:
        check_shape(value, ROW, "row")
    assert len(str(caught.value)) < 150
