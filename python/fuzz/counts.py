"""How often each function is called and each kind of file is read, in this process."""

from __future__ import annotations

from collections import Counter

__all__ = ["CALLED"]

CALLED: Counter[str] = Counter()
