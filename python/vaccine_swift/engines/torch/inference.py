"""Forward passes of a `TorchModel`, dropout off."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy

from vaccine_swift.engines.torch.base import TorchModelBase, as_array, tensor_like
from vaccine_swift.engines.torch.hooks import State, visiting

__all__ = ["Inference"]


class Inference(TorchModelBase):
    """Logits, hidden states and losses, as a model of the core gives them."""

    def logits(self, input_ids: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Float32 [T, V] of one sequence."""
        batch = self._batch(input_ids, None, np.array([0, len(input_ids)]))
        with torch.no_grad():
            return as_array(self._scores(batch, batch.places))

    def hidden_states(
        self,
        input_ids: npt.NDArray[Any],
        offsets: npt.NDArray[Any],
        *,
        what: State,
        layers: npt.NDArray[Any],
        rows: npt.NDArray[Any],
        bounds: npt.NDArray[Any],
    ) -> npt.NDArray[np.float32]:
        """Row i is the mean of `rows[bounds[i]:bounds[i + 1]]`: [layers, rows, C]."""
        batch = self._batch(input_ids, None, offsets)
        chosen = [int(layer) for layer in layers]
        found: dict[int, npt.NDArray[np.float32]] = {}
        counts = np.diff(bounds)

        def visit(_state: State, layer: int, values: torch.Tensor) -> None:
            taken = batch.packed(values)[tensor_like(rows, values)]
            if not (counts == 1).all():
                sums = torch.zeros(
                    (len(counts), taken.shape[1]),
                    dtype=torch.float64,
                    device=taken.device,
                )
                owners = np.repeat(np.arange(len(counts)), counts)
                sums.index_add_(0, tensor_like(owners, taken), taken.double())
                taken = sums / tensor_like(counts, taken)[:, None]
            found[layer] = as_array(taken)

        places = {(what, layer): self._places[what, layer] for layer in chosen}
        with torch.no_grad(), visiting(places, visit, tuple(batch.ids.shape)):
            self._scores(batch, batch.places[:0])
        return np.stack([found[layer] for layer in chosen])

    def loss(
        self,
        input_ids: npt.NDArray[Any],
        labels: npt.NDArray[Any],
        offsets: npt.NDArray[Any],
    ) -> tuple[float, int]:
        """Mean loss and the number of supervised tokens."""
        losses = self._losses(input_ids, labels, offsets)
        return float(losses.double().mean()), len(losses)

    def token_losses(
        self,
        input_ids: npt.NDArray[Any],
        labels: npt.NDArray[Any],
        offsets: npt.NDArray[Any],
    ) -> npt.NDArray[np.float32]:
        """The loss of each supervised token, in the order of the batch."""
        return as_array(self._losses(input_ids, labels, offsets))

    def log_probabilities(
        self,
        input_ids: npt.NDArray[Any],
        labels: npt.NDArray[Any],
        offsets: npt.NDArray[Any],
        rows: int,
    ) -> npt.NDArray[np.float32]:
        """Float32 [rows, V] at the supervised tokens."""
        batch = self._batch(input_ids, labels, offsets, trimmed=True)
        with torch.no_grad():
            return as_array(self._scores(batch, batch.rows).log_softmax(-1))

    def _losses(
        self,
        input_ids: npt.NDArray[Any],
        labels: npt.NDArray[Any],
        offsets: npt.NDArray[Any],
    ) -> torch.Tensor:
        batch = self._batch(input_ids, labels, offsets, trimmed=True)
        with torch.no_grad():
            scores = self._scores(batch, batch.rows)
            targets = batch.targets.to(scores.device)
            losses = cross_entropy(scores, targets, reduction="none")
        if not torch.isfinite(losses).all():
            raise ValueError("the loss is not finite")
        return losses
