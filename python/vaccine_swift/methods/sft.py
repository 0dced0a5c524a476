"""Plain supervised fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaccine_swift.methods.base import Method

if TYPE_CHECKING:
    from vaccine_swift.engines.report import StepReport
    from vaccine_swift.methods.step import Step

__all__ = ["SFT"]


@dataclass(frozen=True, slots=True)
class SFT(Method):
    """Supervised fine-tuning: the gradient of the mean cross-entropy, nothing else."""

    name = "sft"

    def gradient(self, step: Step) -> StepReport:
        """One pass."""
        return step.forward_backward()

    @property
    def magnitude(self) -> float:
        """0: nothing is perturbed."""
        return 0.0
