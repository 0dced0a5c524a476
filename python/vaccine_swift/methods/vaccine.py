"""Vaccine: perturbation-aware alignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaccine_swift.engines.perturbations import LARGEST_RHO, Worst
from vaccine_swift.methods.base import Method
from vaccine_swift.methods.options import option
from vaccine_swift.methods.sft import SFT

if TYPE_CHECKING:
    from vaccine_swift.engines.report import StepReport
    from vaccine_swift.methods.step import Step

__all__ = ["Vaccine"]


@dataclass(frozen=True, slots=True)
class Vaccine(Method):
    """Perturbation-aware alignment: learn under the worst small embedding drift.

    A first pass gives g_l, the gradient of the loss with respect to the attention
    output of layer l. The step's gradient is that of a second pass, with every
    attention output moved by ::

        ε_l = g_l · rho / (‖(g_1 … g_L)‖₂ + 1e-7)

    Parameters
    ----------
    rho : float
        Total L2 norm of the perturbation over all layers, tokens and channels of one
        micro-batch; 0 to 1e31. With gradient accumulation every micro-batch gets a
        perturbation of norm `rho` of its own, as in the authors' code.
    every : int
        Perturb every `every`-th optimiser step, starting with step 0; plain SFT steps
        between (App. A of the paper). At least 1.

    Raises
    ------
    TypeError, ValueError
        When a parameter is not of its type or range.

    References
    ----------
    Huang, Hu, Liu: Vaccine: Perturbation-aware Alignment for Large Language Models
    against Harmful Fine-tuning Attack. NeurIPS 2024, arXiv:2402.01109, Algorithm 1.

    Examples
    --------
    >>> Vaccine(rho=2.0, every=2).at_step(3)
    SFT()
    """

    name = "vaccine"
    perturbs = True
    passes = 2

    rho: float = option(
        2.0,
        help="total L2 norm of the perturbation",
        symbol="ρ",
        minimum=0.0,
        maximum=LARGEST_RHO,
    )
    every: int = option(
        1, help="perturb each N-th step, plain steps between", symbol="τ", minimum=1
    )

    def gradient(self, step: Step) -> StepReport:
        """Two passes; the gradient of the second."""
        return step.forward_backward(perturbation=Worst(self.rho))

    def at_step(self, step: int) -> Method:
        """The method of optimiser step `step`, counted from 0."""
        return self if step % self.every == 0 else SFT()

    @property
    def magnitude(self) -> float:
        """`rho`."""
        return self.rho
