"""Booster: alignment that weakens a simulated harmful step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaccine_swift.engines.perturbations import LARGEST_RHO, Worst
from vaccine_swift.methods.base import Method
from vaccine_swift.methods.options import option

if TYPE_CHECKING:
    from vaccine_swift.batches import Batch
    from vaccine_swift.engines import Vector
    from vaccine_swift.engines.report import StepReport
    from vaccine_swift.methods.step import Step

__all__ = ["Booster"]


@dataclass(frozen=True, slots=True)
class Booster(Method):
    """Booster: learn the safe rows so that a step on harmful ones gains little.

    With f the loss of the batch and h that of a harmful one, the gradient is ::

        ∇f(w) + strength · (∇h(w) − ∇h(w − alpha · ∇h(w) / (‖∇h(w)‖₂ + 1e-7)))

    over all LoRA weights together: the first-order gradient of
    f(w) + strength · (h(w) − h(w̃)). Reads the data stream ``"harmful"``; the logged
    loss is f.

    Parameters
    ----------
    strength : float
        λ, at least 0.
    alpha : float
        L2 length of the simulated harmful step, at least 0.
    rho : float
        With a value above 0, f is Vaccine's perturbed loss with this ρ
        (``perturb_aware`` in the authors' code).

    References
    ----------
    Huang, Hu, Ilhan, Tekin, Liu: Booster: Tackling Harmful Fine-tuning for Large
    Language Models via Attenuating Harmful Perturbation. ICLR 2025, arXiv:2409.01586,
    Algorithm 1.
    """

    name = "booster"
    perturbs = True
    streams = ("harmful",)

    strength: float = option(
        5.0, help="weight of the harmful term", symbol="λ", minimum=0.0, maximum=1e30
    )
    alpha: float = option(
        0.1,
        help="length of the simulated harmful step",
        symbol="α",
        minimum=0.0,
        maximum=1e30,
    )
    rho: float = option(
        0.0,
        help="norm of Vaccine's perturbation of the safe rows, 0 for none",
        symbol="ρ",
        minimum=0.0,
        maximum=LARGEST_RHO,
    )

    def gradient(self, step: Step) -> StepReport:
        """Two passes over the harmful batch and one, with `rho` two, over the own."""
        before = step.gradient.copy()
        gain = self._gain(step, step.next_batch("harmful"))
        step.gradient.assign(before)
        perturbation = Worst(self.rho) if self.rho else None
        report = step.forward_backward(perturbation=perturbation)
        step.gradient.axpy(self.strength, gain)
        return report

    def _gain(self, step: Step, harmful: Batch) -> Vector:
        """∇h(w) − ∇h(w̃), with the weight of the step."""
        gradient, weights = step.gradient, step.adapter
        gradient.scale(0.0)
        step.forward_backward(harmful)
        gain = gradient.copy()
        length = gain.norm() + 1e-7 * abs(step.weight)
        start = weights.copy()
        try:
            if length > 0:
                sign = math.copysign(1.0, step.weight)
                weights.axpy(-self.alpha * sign / length, gain)
            gradient.scale(0.0)
            step.forward_backward(harmful)
        finally:
            weights.assign(start)
        gain.axpy(-1.0, gradient)
        return gain
