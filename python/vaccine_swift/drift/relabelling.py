"""How the rows of two samples change sides under the null hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._plurals import counted
from vaccine_swift.drift.groups import row_labels

__all__ = [
    "GROUPS",
    "ROWS",
    "SWAPS",
    "group_numbers",
    "relabelling",
    "relabelling_of",
]

ROWS: Final = 0
"""Any rows change sides; as the core counts."""
GROUPS: Final = 1
"""Groups of one side each change sides as wholes."""
SWAPS: Final = 2
"""Within each group the sides swap."""


def relabelling_of(groups: Any, n: int, m: int) -> tuple[int, npt.NDArray[np.int64]]:
    """How labels are permuted, and the group of each pooled row numbered from 0.

    Raises
    ------
    TypeError, ValueError
        When there is not one group for each row, or when some have rows of one side
        and others of both.
    """
    if groups is None:
        return ROWS, np.zeros(0, np.int64)
    numbers = group_numbers(groups, n, m)
    swaps = _has_both_sides(numbers, np.arange(n + m) >= n)
    return SWAPS if swaps else GROUPS, numbers


def _has_both_sides(
    numbers: npt.NDArray[np.int64], labels: npt.NDArray[np.bool_]
) -> bool:
    """Whether every group has rows of both sides; else each must be of one."""
    shared = len(np.intersect1d(numbers[labels], numbers[~labels]))
    count = int(numbers.max()) + 1
    if shared not in (0, count):
        raise ValueError(
            "groups must each have rows of one side, or each of both; "
            f"{shared} of {count} have both"
        )
    return shared == count


def relabelling(
    numbers: npt.NDArray[np.int64], labels: npt.NDArray[np.bool_]
) -> Callable[[np.random.Generator], npt.NDArray[np.bool_]]:
    """What draws labels under the null, groups as wholes or swapped within.

    Raises
    ------
    ValueError
        When some groups have rows of one side and others of both.
    """
    count = int(numbers.max()) + 1
    if _has_both_sides(numbers, labels):
        return lambda rng: labels ^ rng.integers(0, 2, count).astype(bool)[numbers]
    sides = np.zeros(count, np.bool_)
    sides[numbers] = labels
    return lambda rng: rng.permutation(sides)[numbers]


def group_numbers(groups: Any, n: int, m: int) -> npt.NDArray[np.int64]:
    """The group of each pooled row, numbered from 0.

    Raises
    ------
    ValueError
        When there is not one for each of n + m rows.
    """
    sides = isinstance(groups, tuple | list) and len(groups) == 2
    pair = sides and not isinstance(groups[0], str) and hasattr(groups[0], "__len__")
    names = np.concatenate(list(map(_names, groups if pair else (groups,))))
    if len(names) != n + m:
        raise ValueError(
            f"groups must have one element for each of {n} + {counted(m, 'row')}, got "
            f"{len(names)}"
        )
    _, numbers = np.unique(names, return_inverse=True)
    return np.ascontiguousarray(numbers.ravel(), np.int64)


def _names(groups: Any) -> npt.NDArray[Any]:
    """Names of groups, of any sequence; none may be missing."""
    names = np.asarray(groups).ravel()
    if names.dtype.kind in "iubSU":
        return names
    return row_labels(groups, len(names), "groups")
