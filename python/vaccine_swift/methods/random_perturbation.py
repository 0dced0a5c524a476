"""The ablation of Vaccine: noise in place of the worst perturbation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaccine_swift.engines.perturbations import LARGEST_VARIANCE, Gaussian
from vaccine_swift.methods.base import Method
from vaccine_swift.methods.options import option

if TYPE_CHECKING:
    from vaccine_swift.engines.report import StepReport
    from vaccine_swift.methods.step import Step

__all__ = ["RandomPerturbation"]


@dataclass(frozen=True, slots=True)
class RandomPerturbation(Method):
    """The authors' ablation: Gaussian noise on the attention outputs, one pass.

    Parameters
    ----------
    variance : float
        Variance of the noise that every element gets on which a target depends,
        N(0, `variance`); 0 to 1e70.

    Raises
    ------
    TypeError, ValueError
        When `variance` is not of its type or range.
    """

    name = "random"
    title = "Random"
    perturbs = True

    variance: float = option(
        help="variance of the noise on every element",
        minimum=0.0,
        maximum=LARGEST_VARIANCE,
    )

    def gradient(self, step: Step) -> StepReport:
        """One pass."""
        return step.forward_backward(perturbation=Gaussian(self.variance))

    @property
    def magnitude(self) -> float:
        """`variance`."""
        return self.variance
