"""Forward passes of a `TorchModel`, dropout off."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy

from vaccine_swift.engines.torch.base import TorchModelBase, as_array, tensor_like
from vaccine_swift.engines.torch.batch import PaddedBatch
from vaccine_swift.engines.torch.hooks import State, visiting

__all__ = ["Inference"]

_NAMES: Final = {
    "attention": "attention output",
    "mlp": "feed-forward output",
    "residual": "residual stream",
}


class Inference(TorchModelBase):
    """Logits, hidden states and losses, as a model of the core gives them."""

    def logits(self, input_ids: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Float32 [T, V] of one sequence."""
        batch = self._batch(input_ids, None, np.array([0, len(input_ids)]))
        with torch.no_grad():
            scores = self._scores(batch, batch.places)
        self._check_finite(scores, batch, "logits of token {} are")
        return as_array(scores)

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
        for layer in chosen:
            name = f"{_NAMES[what]} of layer {layer}"
            values = torch.from_numpy(found[layer])
            self._check_finite(values, batch, f"row {{}} of the {name} is", "")
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
            values = self._scores(batch, batch.rows).log_softmax(-1)
        self._check_finite(values, batch, "logits of supervised token {} are")
        return as_array(values)

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
        self._check_finite(losses[:, None], batch, "loss is")
        return losses

    def _check_finite(
        self, values: torch.Tensor, batch: PaddedBatch, what: str, article: str = "the "
    ) -> None:
        """Name the first state of the pass, run again, where a row is not finite."""
        wrong = ~torch.isfinite(values).all(-1)
        if not wrong.any():
            return
        said = article + what.format(int(wrong.nonzero()[0, 0]))
        first: list[str] = []

        def visit(state: State, layer: int, values: torch.Tensor) -> None:
            if not first and not torch.isfinite(batch.packed(values)).all():
                first.append(f"the {_NAMES[state]} of layer {layer}")

        with torch.no_grad(), visiting(self._places, visit, tuple(batch.ids.shape)):
            self._scores(batch, batch.places[:0])
        place = first[0] if first else "the logits themselves"
        raise ValueError(f"{said} not finite; the first state that is not: {place}")
