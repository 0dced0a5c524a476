"""What `python/benchmarks/study_engines.py` says of two studies' rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaccine_swift import study

ROW = {"cell": "a", "seed": 0, "losses": {"align": [[1, 2.0, 4.0]]}, "label": "SFT"}


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    return __import__("study_engines")


def test_differences_are_told_by_kind(module) -> None:
    other = ROW | {"cell": "b", "losses": {"align": [[1, 2.0, 5.0]]}}
    kinds = module.table(study.StudyResult([ROW]), study.StudyResult([other]))
    expected = {"numbers": 2, "equal": 1, "absolute": 1.0, "relative": 0.2}
    assert kinds == {"losses.align": expected}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed is 0 in the first study, 1 then"),
        ({"label": "Vaccine"}, "label is 'SFT'"),
        ({"losses": {"align": []}}, "losses.align has another length"),
        ({"losses": {}}, "losses has other names"),
        ({"losses": {"align": [[2, 2.0, 4.0]]}}, "losses.align is 1"),
    ],
)
def test_other_differences_are_refused(module, change, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(module.differences(ROW, ROW | change))
