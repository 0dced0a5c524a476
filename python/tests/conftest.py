"""Ctrl-C for the tests' child processes, and what test files share.

A shell without job control starts background commands with SIGINT ignored, and children
inherit that.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from small_models import small, with_adapter

import vaccine_swift as vs

signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def model() -> vs.CausalLM:
    return small()


@pytest.fixture
def adapted() -> vs.CausalLM:
    return with_adapter(small())


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many stages of a study are really done, of each kind."""
    from vaccine_swift.study.store import Store

    counts: Counter[str] = Counter()
    run = Store.run

    def counted(self: Any, stage: Any, report: Any) -> Any:
        counts[stage.name] += 1
        return run(self, stage, report)

    monkeypatch.setattr(Store, "run", counted)
    return counts


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Undo a command's `--threads`, which stays in the process, after each test."""
    count = vs.get_num_threads()
    yield
    if vs.get_num_threads() != count:
        vs.set_num_threads(count)


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `VACCINE_ENGINE`, every model that a test makes is one of that engine's."""
    if "VACCINE_ENGINE" not in os.environ:
        return
    chosen = {
        "engine": os.environ["VACCINE_ENGINE"],
        "device": os.environ.get("VACCINE_DEVICE", "cpu"),
    }
    for name in ("from_config", "from_pretrained"):
        original = getattr(vs.CausalLM, name)

        def made(_: type, *args: Any, _original: Any = original, **options: Any) -> Any:
            return _original(*args, **(chosen | options))

        monkeypatch.setattr(vs.CausalLM, name, classmethod(made))
