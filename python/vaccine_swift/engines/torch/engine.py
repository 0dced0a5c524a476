"""The verbs on a model of transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vaccine_swift.engines.swift.engine import SwiftEngine
from vaccine_swift.engines.torch.optimiser import AdamW
from vaccine_swift.engines.torch.vector import TorchVector

if TYPE_CHECKING:
    pass

__all__ = ["TorchEngine"]


class TorchEngine(SwiftEngine):
    """`Engine` over a `TorchModel`, which is called as a model of the core is.

    Parameters
    ----------
    model : TorchModel
    """

    @property
    def adapter(self) -> TorchVector:
        """As `Engine.adapter`."""
        return TorchVector(self._model, "adapter")

    def gradient_after(self, before: Callable[[], None] | None) -> TorchVector:
        """As `SwiftEngine.gradient_after`."""
        return TorchVector(self._model, "gradient", before)

    def zeros(self) -> TorchVector:
        """As `Engine.zeros`."""
        return TorchVector(self._model, "zeros")

    def adamw(
        self, *, beta1: float, beta2: float, epsilon: float, weight_decay: float
    ) -> AdamW:
        """As `SwiftEngine.adamw`."""
        return AdamW(self._model, beta1, beta2, epsilon, weight_decay)
