"""What the parts of a `TorchModel` share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from vaccine_swift.engines.torch.adapter import Adapter
from vaccine_swift.engines.torch.batch import PaddedBatch, padded
from vaccine_swift.engines.torch.hooks import State
from vaccine_swift.engines.torch.long_rope import turned_alone

__all__ = ["TorchModelBase", "as_array", "tensor_like"]


class TorchModelBase:
    """A transformers model, its adapter, and a way through it."""

    configuration: dict[str, Any]
    _model: Any
    _places: dict[tuple[State, int], nn.Module]
    _adapter: Adapter | None
    _device: torch.device
    _checkpointing: bool

    @property
    def layer_count(self) -> int:
        """L."""
        return int(self.configuration["layer_count"])

    def _require_adapter(self) -> Adapter:
        if self._adapter is None:
            raise RuntimeError("the model has no adapter to train; add one first")
        return self._adapter

    def _batch(
        self,
        input_ids: npt.NDArray[Any],
        labels: npt.NDArray[Any] | None,
        offsets: npt.NDArray[Any],
        *,
        trimmed: bool = False,
    ) -> PaddedBatch:
        return padded(
            input_ids,
            labels,
            offsets,
            self.configuration,
            self._device,
            trimmed=trimmed,
        )

    def _scores(self, batch: PaddedBatch, rows: torch.Tensor) -> torch.Tensor:
        """Logits at `rows` of the flattened batch, float32 [rows, V]."""

        def chosen(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            hidden, *rest = inputs
            return (hidden.flatten(0, 1)[rows.to(hidden.device)][None], *rest)

        handle = self._model.get_output_embeddings().register_forward_pre_hook(chosen)
        try:
            with turned_alone(self._model, batch.lengths, batch.ids.shape[1]):
                output = self._model(
                    input_ids=batch.ids, attention_mask=batch.mask, use_cache=False
                )
        finally:
            handle.remove()
        return output.logits[0].float()

    @contextlib.contextmanager
    def _training(self, key: tuple[int, ...] | None) -> Iterator[None]:
        """A pass whose dropout masks are those of `key`; None: dropout off."""
        masks = self._require_adapter().masks
        masks.coordinates = key
        self._model.train(self._checkpointing)
        try:
            yield
        finally:
            masks.coordinates = None
            self._model.eval()


def tensor_like(values: npt.NDArray[Any], other: torch.Tensor) -> torch.Tensor:
    """An array where another tensor is."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(other.device)


def as_array(values: torch.Tensor) -> npt.NDArray[np.float32]:
    """A tensor of any kind as a float32 array."""
    result: npt.NDArray[np.float32] = values.detach().float().cpu().numpy()
    return result
