"""Groups of rows, given as masks or as a label for each row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift._plurals import counted
from vaccine_swift.drift.ids import sequence

__all__ = ["group_masks", "row_groups", "row_labels"]


def group_masks(groups: Any, count: int) -> Mapping[str, npt.ArrayLike]:
    """Masks by name, of a mapping or of one label for each row.

    Raises
    ------
    TypeError
        When it is neither, or one mask without a name.
    ValueError
        When there is not a label for each row.
    """
    if groups is None:
        return {}
    if isinstance(groups, Mapping):
        return groups
    if _is_mask(groups):
        raise TypeError("groups must be a mapping of name to mask, got a bare mask")
    labels = row_labels(groups, count, "groups")
    return {label: labels == label for label in dict.fromkeys(labels.tolist())}


def row_groups(groups: Any) -> Any:
    """Groups whose masks, or labels, have parts; what they hold is not looked at.

    Raises
    ------
    TypeError
        When they are no mapping and no sequence.
    """
    if isinstance(groups, Mapping):
        return {name: np.asarray(mask) for name, mask in groups.items()}
    return sequence(groups, "groups")


def _is_mask(groups: Any) -> bool:
    kind = getattr(getattr(groups, "dtype", None), "kind", "")
    first = next(iter(groups), None) if isinstance(groups, list | tuple) else None
    return kind == "b" or isinstance(first, bool | np.bool_)


def row_labels(labels: Any, count: int, name: str) -> npt.NDArray[np.str_]:
    """A label for each row as text, of any sequence, Series or Arrow column.

    Raises
    ------
    TypeError
        When it is no sequence.
    ValueError
        When there is not one for each row, or one is missing.
    """
    if hasattr(labels, "to_pylist"):
        labels = labels.to_pylist()
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        raise TypeError(
            f"{name} must be a mapping of name to mask or a label for each row, "
            f"got {type(labels).__name__}"
        )
    known = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    if len(known) != count:
        raise ValueError(
            f"{name} must have one label for each of {counted(count, 'row')}, got "
            f"{len(known)}"
        )
    for row, each in enumerate(known):
        if each is None or each != each or str(each) == "<NA>":
            raise ValueError(f"{name} has no label in row {row}")
    return np.array([str(each) for each in known])
