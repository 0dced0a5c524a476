"""A thousand calls of each kind leave neither memory nor references behind."""

from __future__ import annotations

import pytest

from fuzz.leaks import CALLS, LIMIT, measured


@pytest.mark.parametrize("kind", CALLS)
def test_memory_stays(kind: str) -> None:
    found = measured(kind, 1000)
    assert found["bytes"] <= LIMIT
    assert found["references"] <= 200
