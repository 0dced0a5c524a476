"""The passes of a `TorchModel` that leave gradients."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from vaccine_swift.engines.torch import perturbing
from vaccine_swift.engines.torch.base import TorchModelBase, as_array
from vaccine_swift.engines.torch.batch import PaddedBatch
from vaccine_swift.engines.torch.checks import check_float32
from vaccine_swift.engines.torch.hooks import State, Visitor, visiting
from vaccine_swift.engines.torch.part import Part
from vaccine_swift.engines.torch.terms import LossTerms

__all__ = ["GRADIENTS", "Passes"]

# What the random numbers of a draw are for; a draw has four of them.
_ATTENTION_GRADIENTS: Final = 1
GRADIENTS: Final = 2
_NOISE: Final = 3


@dataclass(frozen=True, eq=False)
class _Kept:
    """g_l or ε_l of the last pass, [B, S, C] for each layer."""

    what: str
    batch: PaddedBatch
    values: list[torch.Tensor]


class Passes(TorchModelBase):
    """Gradients at attention outputs and of the adapter, as the core gives them."""

    _kept: _Kept | None = None

    def attention_gradients(
        self,
        input_ids: npt.NDArray[Any],
        labels: npt.NDArray[Any],
        offsets: npt.NDArray[Any],
        *,
        token_weights: npt.NDArray[Any] | None = None,
        reference: npt.NDArray[Any] | None = None,
        reference_weight: float = 0.0,
        seed: int = 0,
        stream: int = 0,
        draw: int = 0,
        first_sequence: int = 0,
        sequence_count: int = 0,
    ) -> tuple[float, list[float]]:
        """The loss, and the squared norm of every layer's gradient."""
        self._require_adapter()
        part = Part.of(offsets, first_sequence, sequence_count)
        batch = self._batch(*part.taken(input_ids, labels), part.offsets, trimmed=True)
        weights = part.of_tokens(token_weights)
        terms = LossTerms.of(batch, weights, reference, reference_weight)
        key = (seed, stream, 4 * draw + _ATTENTION_GRADIENTS)
        loss, states = self._attention_gradients(batch, terms, key)
        norms = perturbing.layer_norms(states)
        self._kept = _Kept("attention gradients", batch, states)
        return loss, [norm**2 for norm in norms]

    def attention_gradient_states(self) -> npt.NDArray[np.float32]:
        """A copy of g_l, float32 [L, T, C]."""
        return self._kept_states("attention gradients")

    def perturbations(self) -> npt.NDArray[np.float32]:
        """A copy of ε_l, float32 [L, T, C]."""
        return self._kept_states("perturbations")

    def forward_backward(
        self,
        input_ids: npt.NDArray[Any],
        labels: npt.NDArray[Any],
        offsets: npt.NDArray[Any],
        *,
        perturbation: str = "none",
        rho: float = 0.0,
        norm: str = "chosen",
        variance: float = 0.0,
        factor: float = 0.0,
        layers: npt.NDArray[Any] | None = None,
        values: npt.NDArray[Any] | None = None,
        token_weights: npt.NDArray[Any] | None = None,
        reference: npt.NDArray[Any] | None = None,
        reference_weight: float = 0.0,
        weight: float = 1.0,
        seed: int = 0,
        stream: int = 0,
        draw: int = 0,
        first_sequence: int = 0,
        sequence_count: int = 0,
    ) -> dict[str, Any]:
        """The fields of a step's report."""
        started = time.perf_counter()
        adapter = self._require_adapter()
        try:
            check_float32("weight", weight)
            part = Part.of(offsets, first_sequence, sequence_count)
            taken = part.taken(input_ids, labels)
            batch = self._batch(*taken, part.offsets, trimmed=True)
            weights = part.of_tokens(token_weights)
            terms = LossTerms.of(batch, weights, reference, reference_weight)
            chosen = perturbing.chosen_layers(layers, self.layer_count)
            report = {"clean_loss": math.nan, "attention_gradient_norm": 0.0}
            shifts: list[torch.Tensor] | None = None
            norms = [0.0] * self.layer_count
            size = {
                "layers": self.layer_count,
                "width": int(self.configuration["hidden_size"]),
            }
            before, self._kept = self._kept, None
            key = (seed, stream, 4 * draw + _ATTENTION_GRADIENTS)
            if perturbation == "worst":
                report["clean_loss"], shifts = self._attention_gradients(
                    batch, terms, key
                )
                found = perturbing.scale_to_rho(shifts, rho, chosen, norm)
                report["attention_gradient_norm"], norms = found
            elif perturbation == "scaled":
                shifts = _scaled(before, batch, factor, chosen)
                norms = perturbing.layer_norms(shifts)
            elif perturbation == "gaussian":
                key = (seed, stream, 4 * draw + _NOISE)
                shifts = perturbing.noise(batch, variance, chosen, key, **size)
                norms = perturbing.layer_norms(shifts)
            elif perturbation == "given":
                shifts = perturbing.given_values(batch, values, **size)
                norms = perturbing.layer_norms(shifts)
            key = (seed, stream, 4 * draw + GRADIENTS)
            loss = self._accumulate(batch, terms, shifts, key, weight)
            if shifts is None:
                report["clean_loss"] = loss
            else:
                self._kept = _Kept("perturbations", batch, shifts)
            return report | {
                "loss": loss,
                "perturbation_norms": norms,
                "gradient_norm": adapter.gradient_norm(),
                "tokens": batch.count,
                "supervised": batch.supervised,
                "seconds": time.perf_counter() - started,
            }
        except BaseException:
            adapter.zero_gradients()
            raise

    def _attention_gradients(
        self, batch: PaddedBatch, terms: LossTerms, key: tuple[int, ...]
    ) -> tuple[float, list[torch.Tensor]]:
        """The loss, and its gradient at every attention output, float32 [B, S, C]."""
        outputs: dict[int, torch.Tensor] = {}

        def visit(_state: State, layer: int, value: torch.Tensor) -> torch.Tensor:
            if layer == 0:
                value = value.detach().requires_grad_()
            outputs.setdefault(layer, value)
            return value

        with self._training(key), self._visiting_attention(batch, visit):
            total = terms.total(self._scores(batch, batch.rows), batch.targets)
            loss = float(total.detach()) / batch.supervised
            if not math.isfinite(loss):
                raise ValueError("the loss is not finite")
            order = [outputs[layer] for layer in range(self.layer_count)]
            found = torch.autograd.grad(total, order)
        return loss, [each.float() / batch.supervised for each in found]

    def _accumulate(
        self,
        batch: PaddedBatch,
        terms: LossTerms,
        shifts: list[torch.Tensor] | None,
        key: tuple[int, ...],
        weight: float,
    ) -> float:
        """Add the adapter's gradient at shifted attention outputs; the loss."""

        def visit(
            _state: State, layer: int, value: torch.Tensor
        ) -> torch.Tensor | None:
            if shifts is None:
                return None
            return value + shifts[layer].to(value.device, value.dtype)

        with self._training(key), self._visiting_attention(batch, visit):
            total = terms.total(self._scores(batch, batch.rows), batch.targets)
            loss = float(total.detach()) / batch.supervised
            if not math.isfinite(loss):
                raise ValueError("the loss is not finite")
            self._require_adapter().accumulate(total, weight / batch.supervised)
        return loss

    def _visiting_attention(
        self, batch: PaddedBatch, visit: Visitor
    ) -> contextlib.AbstractContextManager[None]:
        places = {
            place: module
            for place, module in self._places.items()
            if place[0] == "attention"
        }
        return visiting(places, visit, tuple(batch.ids.shape))

    def _kept_states(self, what: str) -> npt.NDArray[np.float32]:
        kept = self._kept
        if kept is None or kept.what != what:
            raise RuntimeError(f"the last pass of the model has left no {what}")
        size = (self.layer_count, kept.batch.count, self.configuration["hidden_size"])
        result = np.zeros(size, np.float32)
        for layer, values in enumerate(kept.values):
            result[layer, kept.batch.given] = as_array(kept.batch.packed(values))
        return result


def _scaled(
    kept: _Kept | None, batch: PaddedBatch, factor: float, chosen: Sequence[int]
) -> list[torch.Tensor]:
    """Factor · g_l of the pass before, in the chosen layers."""
    check_float32("factor", factor)
    if kept is None or kept.what != "attention gradients":
        raise RuntimeError("the last pass of the model has left no attention gradients")
    if not torch.equal(kept.batch.ids, batch.ids):
        raise RuntimeError("the attention gradients are those of another batch")
    return [
        values * (factor if layer in chosen else 0.0)
        for layer, values in enumerate(kept.values)
    ]
