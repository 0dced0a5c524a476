"""T-Vaccine: the perturbation of those layers alone that harmful rows move."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from vaccine_swift.batches import Batch, Example
from vaccine_swift.engines.perturbations import LARGEST_RHO, Worst
from vaccine_swift.methods.base import Method
from vaccine_swift.methods.options import option

if TYPE_CHECKING:
    from vaccine_swift.engines.report import StepReport
    from vaccine_swift.methods.step import Step

__all__ = ["TVaccine"]

# As families call a layer's attention block.
_ATTENTION: Final = re.compile(r"\.(self_attn|attention)\.")
_LAYER: Final = re.compile(r"\.layers\.([0-9]+)\.")
_SHARES, _LAYERS = "shares", "layers"


@dataclass(frozen=True, slots=True)
class TVaccine(Method):
    """Targeted Vaccine: perturb the layers only that harmful rows move most.

    At every `measure_every`-th optimiser step a harmful batch gives each layer a share,
    p_l = ‖g_l‖₂ / Σ‖g‖₂, of the gradients at the attention outputs. At every
    `sample_every`-th step `layers` layers are drawn by these shares, without
    replacement. Only they are perturbed ::

        ε_l = g_l · rho / (‖(g_l of the drawn layers)‖₂ + 1e-7)

    and the LoRA of the others is frozen. Reads the data stream ``"harmful"``.

    Parameters
    ----------
    rho : float
        Total L2 norm of the perturbation over the drawn layers, 0 to 1e31.
    layers : int
        Layers that are drawn (γ), at least 1; all of a model that has no more.
    sample_every : int
        Optimiser steps from one draw to the next (J), at least 1.
    measure_every : int
        Optimiser steps from one measurement of the shares to the next (K), at least 1.
    variant : {"paper", "authors"}
        ``"paper"``: the shares are those of the whole harmful batch, and all LoRA of
        the other layers is frozen. ``"authors"``, as their code does it: the shares are
        those of one harmful row, and of the other layers only the attention's LoRA is
        frozen; that of their feed-forward network is trained at every step.

    References
    ----------
    Liu, Lin, Huang, Mo, Mu, Shen: Targeted Vaccine: Safety Alignment for Large Language
    Models against Harmful Fine-Tuning via Layer-wise Perturbation. arXiv:2410.09760.
    """

    name = "t-vaccine"
    title = "T-Vaccine"
    perturbs = True
    streams = ("harmful",)

    rho: float = option(
        3.0,
        help="total L2 norm of the perturbation over the drawn layers",
        symbol="ρ",
        minimum=0.0,
        maximum=LARGEST_RHO,
    )
    layers: int = option(8, help="layers that are drawn", symbol="γ", minimum=1)
    sample_every: int = option(
        20, help="steps from one draw of layers to the next", symbol="J", minimum=1
    )
    measure_every: int = option(
        200, help="steps from one measurement of shares to the next", minimum=1
    )
    variant: Literal["paper", "authors"] = option(
        "paper", help="as the paper describes it, or as the authors' code does it"
    )

    def gradient(self, step: Step) -> StepReport:
        """Two passes, and one more where the shares are measured."""
        if step.index == 0:
            if _SHARES not in step.state or step.number % self.measure_every == 0:
                step.state[_SHARES] = self._shares(step)
            if _LAYERS not in step.state or step.number % self.sample_every == 0:
                step.state[_LAYERS] = self._draw(step)
        chosen = step.state[_LAYERS].tolist()
        step.freeze(self._frozen(step.engine.names, chosen))
        return step.forward_backward(perturbation=Worst(self.rho, layers=chosen))

    def _shares(self, step: Step) -> npt.NDArray[np.float64]:
        batch = step.next_batch("harmful")
        if self.variant == "authors":
            batch = _first_row(batch)
        norms = np.sqrt(step.attention_gradients(batch).squared_norms)
        if not norms.any():
            norms = np.ones_like(norms)
        return norms / norms.sum()

    def _draw(self, step: Step) -> npt.NDArray[np.int64]:
        shares = step.state[_SHARES]
        possible = min(self.layers, int(np.count_nonzero(shares)))
        drawn = step.random().choice(shares.size, possible, replace=False, p=shares)
        return np.sort(drawn).astype(np.int64)

    def _frozen(self, names: list[str], chosen: Collection[int]) -> Iterator[str]:
        for name in names:
            layer = _LAYER.search(name)
            outside = layer is not None and int(layer[1]) not in chosen
            if outside and (self.variant == "paper" or _ATTENTION.search(name)):
                yield name


def _first_row(batch: Batch) -> Batch:
    end = int(batch.offsets[1])
    return Batch.pack([Example(batch.input_ids[:end], batch.labels[:end])])
