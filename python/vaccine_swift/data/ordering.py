"""Orders of rows that are the same on every platform and in every version of Python."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

__all__ = ["shuffled", "spread"]

T = TypeVar("T")


def shuffled(items: Sequence[T], generator: random.Random) -> list[T]:
    """Give the items in a random order.

    Python promises the same sequence of ``random()``, not of ``shuffle()``, for ever.
    """
    keys = [generator.random() for _ in items]
    return [items[index] for index in sorted(range(len(items)), key=keys.__getitem__)]


def spread(items: Sequence[T], group: Callable[[T], Hashable]) -> list[T]:
    """Order items by how often their group came before; others stay in place.

    Examples
    --------
    >>> spread(["a1", "a2", "b1", "a3", "b2"], lambda item: item[0])
    ['a1', 'b1', 'a2', 'b2', 'a3']
    """
    seen: Counter[Hashable] = Counter()
    rounds = []
    for item in items:
        key = group(item)
        rounds.append(seen[key])
        seen[key] += 1
    return [items[index] for index in sorted(range(len(items)), key=rounds.__getitem__)]
