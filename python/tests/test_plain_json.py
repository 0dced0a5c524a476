"""Values of any kind as strict JSON."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from vaccine_swift.files import (
    write_json,
)
from vaccine_swift.files.plain_json import json_text, plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        ([math.inf, -math.inf, 0.5], [None, None, 0.5]),
        (np.float32(0.5), 0.5),
        (np.float64(math.nan), None),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1.0, math.nan]]), [[1.0, None]]),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (Path("a/b"), "a/b"),
        ({1: {"x": (1, 2)}}, {"1": {"x": [1, 2]}}),
        (2**70, 2**70),
        (1 + 2j, "(1+2j)"),
        (b"x", "b'x'"),
        (np.array(["a", None], object), ["a", None]),
    ],
)
def test_a_value_becomes_plain_json(value: object, expected: object) -> None:
    assert plain(value) == expected
    assert json.loads(json_text(value)) == expected


def test_text_that_utf8_cannot_hold_is_escaped(tmp_path: Path) -> None:
    write_json(tmp_path / "file", {"path": os.fsdecode(b"\xff"), "é": 1})
    content = json.loads((tmp_path / "file").read_text())
    assert content == {"path": os.fsdecode(b"\xff"), "é": 1}
