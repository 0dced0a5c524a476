"""Flat vectors over the tensors of an adapter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from vaccine_swift._plurals import counted
from vaccine_swift.engines.swift.vector import Vector
from vaccine_swift.engines.torch.checks import check_float32

if TYPE_CHECKING:
    from vaccine_swift.engines.torch.model import TorchModel

__all__ = ["FlatVector", "TorchVector"]

_Source = Literal["adapter", "gradient", "zeros"]


class TorchVector(Vector):
    """`Vector` in torch's memory, on whatever devices the adapter is."""

    def _made(self, model: Any, source: _Source) -> FlatVector:
        return FlatVector(model, source)


class FlatVector:
    """As ``_core.Vector``.

    Parameters
    ----------
    model : TorchModel
        With an adapter.
    source : {"adapter", "gradient", "zeros"}
        The model's own numbers, or a vector apart.

    Raises
    ------
    RuntimeError
        When the model has no adapter; in every method, when it has another one by now.
    """

    def __init__(self, model: TorchModel, source: _Source) -> None:
        self._model = model
        self._source = source
        self._own = [torch.zeros_like(each) for each in model.numbers("adapter")]

    def copy(self, other: FlatVector) -> None:
        """Self ← other."""
        for mine, theirs in self._pairs(other):
            mine.copy_(theirs)

    def axpy(self, alpha: float, other: FlatVector) -> None:
        """Self ← self + α · other."""
        check_float32("alpha", alpha)
        for mine, theirs in self._pairs(other):
            mine.add_(theirs, alpha=alpha)

    def add_product(self, alpha: float, a: FlatVector, b: FlatVector) -> None:
        """Self ← self + α · a ⊙ b."""
        check_float32("alpha", alpha)
        pairs = zip(self._pairs(a, "a"), self._pairs(b, "b"), strict=True)
        for (mine, first), (_, second) in pairs:
            mine.addcmul_(first, second, value=alpha)

    def scale(self, alpha: float) -> None:
        """Self ← α · self."""
        check_float32("alpha", alpha)
        for mine in self._tensors():
            mine.mul_(alpha)

    def dot(self, other: FlatVector) -> float:
        """Σ self · other in double precision."""
        return math.fsum(
            float((mine.double() * theirs.double()).sum())
            for mine, theirs in self._pairs(other)
        )

    def read(self) -> npt.NDArray[np.float32]:
        """A copy, float32 [n]."""
        parts = [each.flatten().cpu().numpy() for each in self._tensors()]
        return np.concatenate(parts)

    def write(self, values: npt.NDArray[np.float32]) -> None:
        """Replace all numbers.

        Raises
        ------
        ValueError
            For another count.
        """
        tensors = self._tensors()
        count = sum(each.numel() for each in tensors)
        if values.shape != (count,):
            raise ValueError(
                f"values must hold {counted(count, 'number')}, got {values.size}"
            )
        start = 0
        for each in tensors:
            part = values[start : start + each.numel()].reshape(each.shape)
            each.copy_(torch.from_numpy(part))
            start += each.numel()

    def _tensors(self) -> list[torch.Tensor]:
        try:
            present = self._model.numbers(
                "gradient" if self._source == "gradient" else "adapter"
            )
        except RuntimeError as error:
            raise RuntimeError("the model has no adapter any more") from error
        return self._own if self._source == "zeros" else present

    def _pairs(
        self, other: FlatVector, name: str = "other"
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        if not isinstance(other, FlatVector):
            kind = type(other).__name__
            raise TypeError(f"{name} must be a Vector, got {kind}")
        if other._model is not self._model:
            raise ValueError(f"{name} must be a vector of the same model")
        mine, theirs = self._tensors(), other._tensors()
        if [each.shape for each in mine] != [each.shape for each in theirs]:
            raise RuntimeError("the vectors belong to different adapters")
        return list(zip(mine, theirs, strict=True))
