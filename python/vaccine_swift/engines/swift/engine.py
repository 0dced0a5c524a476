"""The verbs on a model of the Swift core."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range, float32_array
from vaccine_swift.engines.base import AttentionGradients, State
from vaccine_swift.engines.swift.vector import Vector

if TYPE_CHECKING:
    from vaccine_swift._core import Model
    from vaccine_swift.batches import Batch
    from vaccine_swift.methods.loss_terms import Reference
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
        weights: npt.NDArray[np.float32] | None = None,
        reference: Reference | None = None,
        weight: float = 1.0,
        seed: int = 0,
        stream: int = 0,
        draw: int = 0,
    ) -> StepReport:
        """As `Engine.forward_backward`."""
        options = {} if perturbation is None else perturbation.arguments()
        if weights is not None:
            options["token_weights"] = float32_array("weights", weights)
        if reference is not None:
            options["reference"] = float32_array(
                "reference", reference.log_probabilities
            )
            options["reference_weight"] = reference.weight
        fields = self._model.forward_backward(
            batch.input_ids,
            batch.labels,
            batch.offsets,
            **options,
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

    def backward_from(
        self,
        batch: Batch,
        states: Mapping[tuple[State, int], npt.NDArray[np.float32]] | None = None,
        *,
        logits: npt.NDArray[np.float32] | None = None,
        loss: float = math.nan,
        weight: float = 1.0,
        seed: int | None = None,
        stream: int = 0,
        draw: int = 0,
    ) -> StepReport:
        """As `Engine.backward_from`."""
        from vaccine_swift.models.report import StepReport

        check_range("weight", weight, float32=True)
        started = time.perf_counter()
        given = dict(states or {})
        norm = self._model.backward_from(
            batch.input_ids,
            batch.labels,
            batch.offsets,
            states=[what for what, _ in given],
            layers=np.array([layer for _, layer in given], np.int64),
            gradients=_stacked(batch, given, weight),
            logits=None
            if logits is None
            else float32_array("logits", logits) * np.float32(weight),
            seed=seed,
            stream=stream,
            draw=draw,
        )
        return StepReport(
            loss=loss,
            clean_loss=loss,
            perturbation_norms=np.zeros(self.layers),
            gradient_norm=norm,
            attention_gradient_norm=0.0,
            tokens=batch.tokens,
            supervised=batch.supervised,
            seconds=time.perf_counter() - started,
        )

    def hidden_states(
        self, batch: Batch, what: State = "attention", layers: Sequence[int] = (0,)
    ) -> npt.NDArray[np.float32]:
        """As `Engine.hidden_states`."""
        states = self._model.hidden_states(
            batch.input_ids,
            batch.offsets,
            what=what,
            layers=np.asarray(layers, np.int64),
            rows=np.arange(batch.tokens),
            bounds=np.arange(batch.tokens + 1),
        )
        return np.asarray(states)

    def token_log_probabilities(self, batch: Batch) -> npt.NDArray[np.float32]:
        """As `Engine.token_log_probabilities`."""
        losses = self._model.token_losses(batch.input_ids, batch.labels, batch.offsets)
        return np.negative(losses, dtype=np.float32)

    def log_probabilities(self, batch: Batch) -> npt.NDArray[np.float32]:
        """As `Engine.log_probabilities`."""
        values = self._model.log_probabilities(
            batch.input_ids, batch.labels, batch.offsets, batch.supervised
        )
        return np.asarray(values)

    @contextmanager
    def without_adapter(self) -> Iterator[None]:
        """As `Engine.without_adapter`."""
        adapter = self.adapter
        weights = adapter.copy()
        adapter.scale(0.0)
        try:
            yield
        finally:
            adapter.assign(weights)

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


def _stacked(
    batch: Batch,
    states: Mapping[tuple[State, int], npt.NDArray[np.float32]],
    weight: float,
) -> npt.NDArray[np.float32] | None:
    """All gradients at states as one array [N, T, C], multiplied by `weight`."""
    arrays: list[npt.NDArray[np.float32]] = []
    for key, value in states.items():
        array = float32_array(f"states[{key!r}]", value)
        if array.ndim != 2 or len(array) != batch.tokens:
            raise ValueError(
                f"states[{key!r}] must have a row for each of {batch.tokens} tokens, "
                f"got shape {array.shape}"
            )
        if arrays and array.shape != arrays[0].shape:
            raise ValueError(f"states[{key!r}] must have the shape of the others")
        arrays.append(array)
    return np.stack(arrays) * np.float32(weight) if arrays else None
