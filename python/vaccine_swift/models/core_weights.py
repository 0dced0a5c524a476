"""The weights of a model in the core, read back as numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core

__all__ = ["CoreWeights", "merged_numbers"]


class CoreWeights:
    """The weights of a model in the core, as a checkpoint.

    Parameters
    ----------
    model : Model
        Holds them.
    name : str
        What messages call it.
    """

    def __init__(self, model: _core.Model, name: str = "model") -> None:
        self.name = name
        self.shapes: Mapping[str, tuple[int, ...]] = {
            name: tuple(shape) for name, shape in model.tensors("weight")
        }
        self.unreadable: Mapping[str, str] = {}
        self._model = model

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """One weight as float32."""
        return np.asarray(self._model.read("weight", name))


def merged_numbers(model: _core.Model) -> _core.Model:
    """The base weights with every adapter added to them, in float32, 4 bytes each.

    Raises
    ------
    MemoryError
        When they do not fit beside the model, before anything is allocated; says how
        much they take.
    """
    try:
        numbers = _core.Model(model.configuration | {"precision": "float32"})
    except MemoryError as error:
        raise MemoryError(f"weights in GGUF blocks become float32: {error}") from error
    for name, _ in model.tensors("weight"):
        numbers.write("weight", name, model.read_merged(name))
    return numbers
