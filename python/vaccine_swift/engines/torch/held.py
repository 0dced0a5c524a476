"""Models of transformers that a caller holds already, read as the package's are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from vaccine_swift.engines.torch.hooks import state_modules
from vaccine_swift.engines.torch.inference import Inference

__all__ = ["HeldModel"]


class HeldModel(Inference):
    """The forward passes of a causal language model of transformers, PEFT's included.

    Parameters
    ----------
    module : Module
        Stays as it is, where it is.

    Raises
    ------
    ValueError
        When its layers or attention blocks are not found.
    """

    def __init__(self, module: nn.Module) -> None:
        held: Any = module
        base = held.get_base_model() if hasattr(held, "get_base_model") else held
        self._model = held
        self._places = state_modules(base)
        self._adapter = None
        self._device = next(held.parameters()).device
        config: Any = base.config
        longest = getattr(config, "max_position_embeddings", None)
        self.configuration = {
            "layer_count": 1 + max(layer for _, layer in self._places),
            "hidden_size": int(config.hidden_size),
            "vocabulary_size": int(config.vocab_size),
            "context_length": longest or torch.iinfo(torch.int32).max,
        }

    def hidden_states(
        self, *batch: npt.NDArray[Any], **options: Any
    ) -> npt.NDArray[np.float32]:
        """As `Inference.hidden_states`, in evaluation mode."""
        was_training = self._model.training
        self._model.eval()
        try:
            return super().hidden_states(*batch, **options)
        finally:
            self._model.train(was_training)
