"""What every checkpoint reader offers, and the check of it against a model."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["TensorSource", "check_tensors", "named", "with_base_names"]

_NAMED: Final = 8


class TensorSource(Protocol):
    """The tensors of one checkpoint under Hugging Face (or PEFT) names.

    Attributes
    ----------
    name : str
        The file or directory, for messages.
    shapes : mapping of str to tuple of int
        Every tensor's shape.
    unreadable : mapping of str to str
        The data types of those that `read` does not convert.
    """

    name: str
    shapes: Mapping[str, tuple[int, ...]]
    unreadable: Mapping[str, str]

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """One tensor as float32, C-contiguous; perhaps a read-only view of the file."""


def check_tensors(
    source: TensorSource,
    expected: Mapping[str, tuple[int, ...]],
    *,
    ignored: Collection[str] = (),
) -> None:
    """Refuse a checkpoint that does not hold exactly the model's tensors.

    Parameters
    ----------
    source : TensorSource
        What the checkpoint holds.
    expected : mapping of str to tuple of int
        What the model has.
    ignored : collection of str
        Names that may be there and are not used.

    Raises
    ------
    ValueError
        Naming missing, surplus and misshapen tensors and those whose data type is not
        read, all in one message.
    """
    shapes = source.shapes
    faults = []
    if missing := [name for name in expected if name not in shapes]:
        faults.append(f"missing tensors: {named(missing)}")
    surplus = [name for name in shapes if name not in expected and name not in ignored]
    if surplus:
        faults.append(f"surplus tensors: {named(surplus)}")
    misshapen = [
        f"{name} has shape {list(shapes[name])}, expected {list(shape)}"
        for name, shape in expected.items()
        if name in shapes and shapes[name] != shape
    ]
    if misshapen:
        faults.append(f"misshapen tensors: {named(misshapen)}")
    other = [
        f"{name} is {source.unreadable[name]}"
        for name in expected
        if name in source.unreadable
    ]
    if other:
        faults.append(f"dtypes must be F32, F16 or BF16, but {named(other)}")
    if faults:
        raise ValueError(f"{source.name}: " + "; ".join(faults))


class _Prefixed:
    """A checkpoint whose names lack the model's name at their head."""

    def __init__(self, source: TensorSource, prefix: str) -> None:
        self.name = source.name
        self._source = source
        self._prefix = prefix
        self.shapes: Mapping[str, tuple[int, ...]] = {
            prefix + name: shape for name, shape in source.shapes.items()
        }
        self.unreadable: Mapping[str, str] = {
            prefix + name: dtype for name, dtype in source.unreadable.items()
        }

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """One tensor as float32."""
        return self._source.read(name.removeprefix(self._prefix))


def with_base_names(source: TensorSource, expected: Collection[str]) -> TensorSource:
    """A checkpoint of the model without its head, under the names of the whole.

    Parameters
    ----------
    source : TensorSource
        Its names may lack what all names of the model but the head's begin with
        ("model." of Llama and OPT), as the base class of transformers saves them.
    expected : collection of str
        What the model has.

    Returns
    -------
    TensorSource
        `source` itself where it has a name that is expected.
    """
    prefixes = {f"{name.partition('.')[0]}." for name in expected if "." in name}
    for prefix in sorted(prefixes):
        if not any(name in expected for name in source.shapes) and any(
            prefix + name in expected for name in source.shapes
        ):
            return _Prefixed(source, prefix)
    return source


def named(names: Iterable[str]) -> str:
    """The first names of many, and how many more there are."""
    names = list(names)
    text = ", ".join(names[:_NAMED])
    return text if len(names) <= _NAMED else f"{text} and {len(names) - _NAMED} more"
