"""The defence study: align, attack, evaluate, compare, report."""

from __future__ import annotations

from vaccine_swift.study import report, statistics

__all__ = ["report", "statistics"]
