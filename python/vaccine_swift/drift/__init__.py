"""Embedding drift: how far, where and how surely a model's states have moved."""

from __future__ import annotations

from vaccine_swift.drift.accumulator import Accumulator
from vaccine_swift.drift.compare import compare
from vaccine_swift.drift.gate import DriftExceeded
from vaccine_swift.drift.monitor import Monitor
from vaccine_swift.drift.report import Report

__all__ = [
    "Accumulator",
    "DriftExceeded",
    "Monitor",
    "Report",
    "compare",
]
