"""Embedding drift: how far, where and how surely a model's states have moved."""

from __future__ import annotations

from vaccine_swift.drift.gate import DriftExceeded
from vaccine_swift.drift.report import Report

__all__ = [
    "DriftExceeded",
    "Report",
]
