"""A thousand calls of each kind leave no memory behind."""

from __future__ import annotations

import pytest

from fuzz.leaks import CALLS, LIMIT, measured


@pytest.mark.parametrize("kind", CALLS)
def test_memory_stays(kind: str) -> None:
    assert measured(kind, 1000)["bytes"] <= LIMIT
