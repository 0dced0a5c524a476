"""The verbs on a model of the Swift core."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vaccine_swift.engines.base import AttentionGradients
from vaccine_swift.engines.swift.vector import Vector

if TYPE_CHECKING:
    from vaccine_swift._core import Model
    from vaccine_swift.batches import Batch
    from vaccine_swift.methods.perturbations import Perturbation
    from vaccine_swift.models.report import StepReport

__all__ = ["SwiftEngine"]


class SwiftEngine:
    """`Engine` over a model of the core, which holds weights, adapter and gradient.

    Parameters
    ----------
    model : _core.Model
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def forward_backward(
        self,
        batch: Batch,
        *,
        perturbation: Perturbation | None = None,
        weight: float = 1.0,
        seed: int = 0,
        stream: int = 0,
        draw: int = 0,
    ) -> StepReport:
        """As `Engine.forward_backward`."""
        fields = self._model.forward_backward(
            batch.input_ids,
            batch.labels,
            batch.offsets,
            **({} if perturbation is None else perturbation.arguments()),
            weight=float(weight),
            seed=int(seed),
            stream=int(stream),
            draw=int(draw),
        )
        from vaccine_swift.models.report import StepReport  # the models import engines

        return StepReport.from_fields(fields)

    def attention_gradients(
        self, batch: Batch, *, seed: int = 0, stream: int = 0, draw: int = 0
    ) -> AttentionGradients:
        """As `Engine.attention_gradients`."""
        loss, norms = self._model.attention_gradients(
            batch.input_ids,
            batch.labels,
            batch.offsets,
            seed=int(seed),
            stream=int(stream),
            draw=int(draw),
        )
        return AttentionGradients(loss, np.asarray(norms, np.float64), self._states)

    @property
    def adapter(self) -> Vector:
        """As `Engine.adapter`."""
        return Vector(self._model, "adapter")

    @property
    def gradient(self) -> Vector:
        """As `Engine.gradient`."""
        return Vector(self._model, "gradient")

    def zeros(self) -> Vector:
        """As `Engine.zeros`."""
        return Vector(self._model, "zeros")

    @property
    def names(self) -> list[str]:
        """As `Engine.names`."""
        return [name for name, _ in self._model.tensors("adapter")]

    @property
    def layers(self) -> int:
        """As `Engine.layers`."""
        return int(self._model.configuration["layer_count"])

    def freeze(self, names: Iterable[str]) -> None:
        """As `Engine.freeze`."""
        self._model.set_frozen(tuple(names))

    def zero_gradients(self) -> None:
        """As `Engine.zero_gradients`."""
        self._model.zero_gradients()

    def _states(self) -> npt.NDArray[np.float32]:
        return np.asarray(self._model.attention_gradient_states())
