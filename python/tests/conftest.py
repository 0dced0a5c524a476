"""Ctrl-C for the tests' child processes, and the small models that test files share.

A shell without job control starts background commands with SIGINT ignored, and children
inherit that.
"""

from __future__ import annotations

import signal

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
