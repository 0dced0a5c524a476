"""The verbs on a model of the Swift core."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vaccine_swift import _core
from vaccine_swift._arguments import check_range, float32_array
from vaccine_swift._plurals import counted
from vaccine_swift.engines.base import AttentionGradients, State
from vaccine_swift.engines.report import StepReport
from vaccine_swift.engines.swift.vector import Vector

if TYPE_CHECKING:
    from vaccine_swift.batches import Batch
    from vaccine_swift.engines.loss_terms import Reference
    from vaccine_swift.engines.perturbations import Perturbation

__all__ = ["SwiftEngine"]


class SwiftEngine:
    """`Engine` over a model of the core, which holds weights, adapter and gradient.

    Parameters
    ----------
    model : _core.Model
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def forward_backward(
        self,
        batch: Batch,
        *,
        perturbation: Perturbation | None = None,
        weights: npt.NDArray[np.float32] | None = None,
        reference: Reference | None = None,
        weight: float = 1.0,
        sequences: range | None = None,
        seed: int = 0,
        stream: int = 0,
        draw: int = 0,
    ) -> StepReport:
        """As `Engine.forward_backward`."""
        options = {} if perturbation is None else perturbation.arguments()
        options |= _terms(batch, weights, reference, sequences)
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
        return StepReport.from_fields(fields)

    def attention_gradients(
        self,
        batch: Batch,
        *,
        weights: npt.NDArray[np.float32] | None = None,
        reference: Reference | None = None,
        sequences: range | None = None,
        seed: int = 0,
        stream: int = 0,
        draw: int = 0,
    ) -> AttentionGradients:
        """As `Engine.attention_gradients`."""
        loss, norms = self._model.attention_gradients(
            batch.input_ids,
            batch.labels,
            batch.offsets,
            **_terms(batch, weights, reference, sequences),
            seed=int(seed),
            stream=int(stream),
            draw=int(draw),
        )
        return AttentionGradients(loss, np.asarray(norms, np.float64), self.kept_states)

    def backward_from(
        self,
        batch: Batch,
        states: Mapping[tuple[State, int], npt.NDArray[np.float32]] | None = None,
        *,
        logits: npt.NDArray[np.float32] | None = None,
        loss: float = math.nan,
        weight: float = 1.0,
        sequences: range | None = None,
        seed: int | None = None,
        stream: int = 0,
        draw: int = 0,
    ) -> StepReport:
        """As `Engine.backward_from`."""
        check_range("weight", weight, float32=True)
        started = time.perf_counter()
        given = dict(states or {})
        norm = self._model.backward_from(
            batch.input_ids,
            batch.labels,
            batch.offsets,
            states=[what for what, _ in given],
            layers=np.array([layer for _, layer in given], np.int64),
            gradients=_stacked(batch, given, weight, sequences),
            logits=None
            if logits is None
            else _supervised_rows("logits", logits, batch, sequences)
            * np.float32(weight),
            **_taken(sequences),
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
        return self.gradient_after(None)

    def gradient_after(self, before: Callable[[], None] | None) -> Vector:
        """`gradient`, with a function to be called before each use of its numbers."""
        return Vector(self._model, "gradient", before)

    def zeros(self) -> Vector:
        """As `Engine.zeros`."""
        return Vector(self._model, "zeros")

    def adamw(
        self, *, beta1: float, beta2: float, epsilon: float, weight_decay: float
    ) -> Any:
        """AdamW over the adapter, its moments where the engine holds them."""
        return _core.AdamW(self._model, beta1, beta2, epsilon, weight_decay)

    @property
    def names(self) -> list[str]:
        """As `Engine.names`."""
        return [name for name, _ in self._model.tensors("adapter")]

    @property
    def layers(self) -> int:
        """As `Engine.layers`."""
        return int(self._model.configuration["layer_count"])

    @property
    def hidden_size(self) -> int:
        """C, the channels of the model's states."""
        return int(self._model.configuration["hidden_size"])

    @property
    def vocabulary_size(self) -> int:
        """V, the tokens of the model's vocabulary."""
        return int(self._model.configuration["vocabulary_size"])

    def freeze(self, names: Iterable[str]) -> None:
        """As `Engine.freeze`."""
        self._model.set_frozen(tuple(names))

    def zero_gradients(self) -> None:
        """As `Engine.zero_gradients`."""
        self._model.zero_gradients()

    def kept_states(self) -> npt.NDArray[np.float32]:
        """What the last `attention_gradients` kept, float32 [L, T, C] of its batch."""
        return np.asarray(self._model.attention_gradient_states())


def _terms(
    batch: Batch,
    weights: npt.NDArray[np.float32] | None,
    reference: Reference | None,
    sequences: range | None,
) -> dict[str, Any]:
    """The core's arguments for a loss and for the sequences that it is of."""
    options: dict[str, Any] = dict(_taken(sequences))
    if weights is not None:
        options["token_weights"] = float32_array("weights", weights)
    if reference is not None:
        options["reference"] = _supervised_rows(
            "reference", reference.log_probabilities, batch, sequences
        )
        options["reference_weight"] = reference.weight
    return options


def _taken(sequences: range | None) -> dict[str, int]:
    if sequences is None:
        return {}
    return {"first_sequence": sequences.start, "sequence_count": len(sequences)}


def _supervised_rows(
    name: str, values: npt.NDArray[np.float32], batch: Batch, sequences: range | None
) -> npt.NDArray[np.float32]:
    """Of [S, V], the rows of the sequences that are taken."""
    array = float32_array(name, values)
    if sequences is None:
        return array
    borders = batch.supervised_offsets
    if len(array) != borders[-1]:
        raise ValueError(
            f"{name} must have a row for each of "
            f"{counted(borders[-1], 'supervised token')}, got shape {array.shape}"
        )
    return array[borders[sequences.start] : borders[sequences.stop]]


def _stacked(
    batch: Batch,
    states: Mapping[tuple[State, int], npt.NDArray[np.float32]],
    weight: float,
    sequences: range | None,
) -> npt.NDArray[np.float32] | None:
    """All gradients at states as one array [N, T, C], multiplied by `weight`."""
    tokens = slice(None)
    if sequences is not None:
        tokens = slice(batch.offsets[sequences.start], batch.offsets[sequences.stop])
    arrays: list[npt.NDArray[np.float32]] = []
    for key, value in states.items():
        array = float32_array(f"states[{key!r}]", value)
        if array.ndim != 2 or len(array) != batch.tokens:
            raise ValueError(
                f"states[{key!r}] must have a row for each of "
                f"{counted(batch.tokens, 'token')}, got shape {array.shape}"
            )
        if arrays and array.shape != arrays[0].shape:
            raise ValueError(f"states[{key!r}] must have the shape of the others")
        arrays.append(array)
    arrays = [array[tokens] for array in arrays]
    return np.stack(arrays) * np.float32(weight) if arrays else None
