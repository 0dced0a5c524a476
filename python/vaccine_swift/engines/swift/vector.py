"""Flat vectors in the memory of the Swift core."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import float32_array

__all__ = ["Vector"]


class Vector:
    """A model's adapter or gradient, or numbers of their shape, as one vector.

    All factors follow each other in the order of `CausalLM.gradients`, each row by row
    in its shape there. Arithmetic is done in the core, without a copy through Python.

    Parameters
    ----------
    model : _core.Model
        With an adapter.
    source : {"adapter", "gradient", "zeros"}
        The model's own numbers, which change with the vector, or a vector apart.
    before : callable, optional
        Called before each use of the numbers.

    Raises
    ------
    RuntimeError
        When the model has no adapter; in every method, when it has another one by now.

    Examples
    --------
    >>> import vaccine_swift as vs
    >>> model = vs.CausalLM.from_config(vs.tiny_config())
    >>> model.add_adapter(vs.LoRAConfig(r=2))
    >>> weights, step = model.engine.adapter, model.engine.zeros()
    >>> before = weights.copy()
    >>> step.axpy(-1e-2, weights)
    >>> weights.axpy(1.0, step)
    >>> round(weights.norm() / before.norm(), 6)
    0.99
    """

    def __init__(
        self,
        model: Any,
        source: Literal["adapter", "gradient", "zeros"],
        before: Callable[[], None] | None = None,
    ) -> None:
        self._model = model
        self._before = before
        self._vector = self._made(model, source)

    @property
    def core(self) -> Any:
        """What holds the numbers."""
        if self._before is not None:
            self._before()
        return self._vector

    def copy(self) -> Vector:
        """A vector apart with the same numbers."""
        result = type(self)(self._model, "zeros")
        result.assign(self)
        return result

    def assign(self, other: Vector) -> None:
        """Take the numbers of another vector."""
        self.core.copy(other.core)

    def axpy(self, alpha: float, other: Vector) -> None:
        """Add `alpha` · `other`."""
        self.core.axpy(alpha, other.core)

    def add_product(self, alpha: float, a: Vector, b: Vector) -> None:
        """Add `alpha` · `a` · `b`, element by element."""
        self.core.add_product(alpha, a.core, b.core)

    def scale(self, alpha: float) -> None:
        """Multiply by `alpha`."""
        self.core.scale(alpha)

    def dot(self, other: Vector) -> float:
        """The inner product, in double precision."""
        return self.core.dot(other.core)

    def norm(self) -> float:
        """The L2 norm, in double precision."""
        return math.sqrt(self.dot(self))

    def numpy(self) -> npt.NDArray[np.float32]:
        """A copy as a float32 array [n]."""
        return np.asarray(self.core.read())

    def write(self, values: npt.ArrayLike) -> None:
        """Replace all numbers.

        Raises
        ------
        TypeError, ValueError
            When `values` is no array [n] of numbers that are finite in float32; nothing
            has changed.
        """
        self.core.write(float32_array("values", values))

    def _made(self, model: Any, source: Literal["adapter", "gradient", "zeros"]) -> Any:
        return _core.Vector(model, source)
