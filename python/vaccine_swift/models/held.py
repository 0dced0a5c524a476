"""Whatever can be asked for hidden states, as something that `CausalLM` is."""

from __future__ import annotations

from typing import Any

from vaccine_swift.models.inference import Inference

__all__ = ["HeldLM", "is_module"]


class HeldLM(Inference):
    """The forward passes of a transformers model that a caller holds.

    Parameters
    ----------
    module : torch.nn.Module
        A causal language model, with PEFT's adapter or without.
    """

    def __init__(self, module: Any) -> None:
        from vaccine_swift.engines.torch.held import HeldModel

        self._model = HeldModel(module)  # type: ignore[assignment]
        self._name = type(module).__name__

    def __repr__(self) -> str:
        return f"{self._name} of transformers"


def is_module(model: object) -> bool:
    """Whether a model is one of torch's; torch is not imported."""
    return hasattr(model, "named_modules") and hasattr(model, "register_forward_hook")
