"""The LoRA of PEFT on a transformers model, by full module names."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from vaccine_swift.engines.torch.checks import check_held
from vaccine_swift.engines.torch.dropout import Masks, SeededDropout
from vaccine_swift.engines.torch.streams import stream_key, uniforms

__all__ = ["Adapter"]

_NAME: Final = "default"


class Adapter:
    """One LoRA adapter: its modules, factors and gradients.

    Parameters
    ----------
    model : Module
        Of transformers; gets PEFT's layers in place of the adapted ones.
    modules : sequence of (str, int)
        Full names of the linear maps, in the order of the computation, and their
        numbers among those of the model, of which masks and first values follow.
    ranks, scales : sequence of int, of float
        One for each of them.
    dropout : float
        On the adapter's input.
    seed : int
        Of A ~ U(±1/√in), the same numbers as in the Swift engine; B = 0.
    """

    def __init__(
        self,
        model: nn.Module,
        modules: Sequence[tuple[str, int]],
        ranks: Sequence[int],
        scales: Sequence[float],
        *,
        dropout: float,
        seed: int,
    ) -> None:
        self.masks = Masks()
        self.layers: dict[str, Any] = {}
        self.factors: dict[str, nn.Parameter] = {}
        self.frozen: frozenset[str] = frozenset()
        names = [name for name, _ in modules]
        self._model = model
        self._peft = _wrapped(model, names, ranks)
        for (name, number), scale in zip(modules, scales, strict=True):
            layer: Any = model.get_submodule(name)
            layer.scaling[_NAME] = scale
            if dropout > 0:
                masked = SeededDropout(dropout, number, self.masks)
                layer.lora_dropout[_NAME] = masked
            self.layers[name] = layer
            first, second = layer.lora_A[_NAME].weight, layer.lora_B[_NAME].weight
            numbers = uniforms(stream_key(seed, number), 0, first.numel())
            bound = 1 / np.sqrt(first.shape[1])
            start = ((2 * numbers - 1) * bound).astype(np.float32)
            with torch.no_grad():
                first.copy_(torch.from_numpy(start).reshape(first.shape))
                second.zero_()
            prefix = f"base_model.model.{name}"
            self.factors[f"{prefix}.lora_A.weight"] = first
            self.factors[f"{prefix}.lora_B.weight"] = second
        self.gradients = {
            name: torch.zeros_like(factor) for name, factor in self.factors.items()
        }

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """The factors that are not frozen."""
        return {
            name: factor
            for name, factor in self.factors.items()
            if name not in self.frozen
        }

    def accumulate(self, loss: torch.Tensor, weight: float) -> None:
        """Add weight · ∂loss/∂factor to the gradients, 0 for frozen factors."""
        trained = self.trained
        for name in self.frozen:
            self.gradients[name].zero_()
        if not trained or not loss.requires_grad:
            return
        found = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
        for name, gradient in zip(trained, found, strict=True):
            if gradient is not None:
                self.gradients[name].add_(gradient, alpha=weight)

    def zero_gradients(self) -> None:
        """Set all gradients to 0."""
        for gradient in self.gradients.values():
            gradient.zero_()

    def gradient_norm(self) -> float:
        """The L2 norm of all gradients, in double precision.

        Raises
        ------
        ValueError
            When one is not finite; names it.
        """
        total = 0.0
        for name, gradient in self.gradients.items():
            norm = float(torch.linalg.vector_norm(gradient, dtype=torch.float64))
            if not np.isfinite(norm):
                raise ValueError(f"the gradient of {name} is not finite")
            total += norm**2
        return float(np.sqrt(total))

    def merge(self) -> None:
        """W += scale · B A, the sum formed in float32.

        Raises
        ------
        ValueError
            When a weight's precision does not hold a sum; nothing has changed.
        """
        with torch.no_grad():
            for name, layer in self.layers.items():
                merged = _merged(layer)
                check_held(f"{name}.weight, merged", merged, merged.dtype)
            for layer in self.layers.values():
                layer.get_base_layer().weight.copy_(_merged(layer))

    def remove(self) -> None:
        """Put the plain layers back."""
        self._peft.unload()
        for name in ("peft_config", "_hf_peft_config_loaded"):
            self._model.__dict__.pop(name, None)


def _merged(layer: Any) -> torch.Tensor:
    """A layer's weight with the adapter, rounded as the weight is."""
    weight = layer.get_base_layer().weight
    update = layer.get_delta_weight(_NAME)
    return (weight.float() + update.float()).to(weight.dtype)


def _wrapped(model: nn.Module, names: Sequence[str], ranks: Sequence[int]) -> Any:
    settings = LoraConfig(
        r=max(ranks),
        target_modules=list(names),
        rank_pattern={
            re.escape(name): rank for name, rank in zip(names, ranks, strict=True)
        },
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_peft_model(model, settings)
