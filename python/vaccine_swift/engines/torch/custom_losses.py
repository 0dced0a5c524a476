"""The pass of a `TorchModel` for losses of one's own, from gradients of its states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from vaccine_swift.engines.torch.base import tensor_like
from vaccine_swift.engines.torch.batch import PaddedBatch
from vaccine_swift.engines.torch.hooks import State, visiting
from vaccine_swift.engines.torch.part import Part
from vaccine_swift.engines.torch.passes import GRADIENTS, Passes

__all__ = ["CustomLosses"]

_STATES: Final = ("attention", "mlp", "residual")


class CustomLosses(Passes):
    """`backward_from`, as the core has it."""

    def backward_from(
        self,
        input_ids: npt.NDArray[Any],
        labels: npt.NDArray[Any],
        offsets: npt.NDArray[Any],
        *,
        states: Sequence[State] = (),
        layers: npt.NDArray[Any] | None = None,
        gradients: npt.NDArray[Any] | None = None,
        logits: npt.NDArray[Any] | None = None,
        seed: int | None = None,
        stream: int = 0,
        draw: int = 0,
        first_sequence: int = 0,
        sequence_count: int = 0,
    ) -> float:
        """The norm of all gradients."""
        adapter = self._require_adapter()
        try:
            part = Part.of(offsets, first_sequence, sequence_count)
            batch = self._batch(*part.taken(input_ids, labels), part.offsets)
            given = self._state_gradients(batch, states, layers, gradients)
            self._check_logits(batch, logits)
            self._kept = None
            seen: dict[tuple[State, int], torch.Tensor] = {}

            def visit(state: State, layer: int, value: torch.Tensor) -> None:
                seen.setdefault((state, layer), value)

            key = None if seed is None else (seed, stream, 4 * draw + GRADIENTS)
            places = {place: self._places[place] for place in given}
            with self._training(key), visiting(places, visit, tuple(batch.ids.shape)):
                scores = self._scores(batch, batch.rows)
                total = scores.new_zeros(())
                for place, gradient in given.items():
                    value = seen[place]
                    own = batch.packed(value).float() * tensor_like(gradient, value)
                    total = total + own.sum().to(total.device)
                if logits is not None:
                    total = total + (scores * tensor_like(logits, scores)).sum()
                adapter.accumulate(total, 1.0)
            return adapter.gradient_norm()
        except BaseException:
            adapter.zero_gradients()
            raise

    def _state_gradients(
        self,
        batch: PaddedBatch,
        states: Sequence[State],
        layers: npt.NDArray[Any] | None,
        gradients: npt.NDArray[Any] | None,
    ) -> Mapping[tuple[State, int], npt.NDArray[np.float32]]:
        width = self.configuration["hidden_size"]
        found: dict[tuple[State, int], npt.NDArray[np.float32]] = {}
        numbers = [] if layers is None else [int(layer) for layer in layers]
        for index, (state, layer) in enumerate(zip(states, numbers, strict=True)):
            if state not in _STATES:
                known = ", ".join(map(repr, _STATES))
                raise ValueError(f"states must be one of {known}, got {state!r}")
            if not 0 <= layer < self.layer_count:
                raise ValueError(
                    f"states: the layer must be in 0..<{self.layer_count}, got {layer}"
                )
            array = np.asarray(gradients)[index]
            if array.shape != (batch.count, width):
                raise ValueError(
                    f"states must be [{len(states)}, {batch.count}, {width}], got "
                    f"{list(array.shape)} for one"
                )
            found[state, layer] = array
        return found

    def _check_logits(
        self, batch: PaddedBatch, logits: npt.NDArray[Any] | None
    ) -> None:
        size = (batch.supervised, self.configuration["vocabulary_size"])
        if logits is not None and logits.shape != size:
            raise ValueError(
                f"logits must be {list(size)}, a row for each supervised token, got "
                f"{list(logits.shape)}"
            )
