"""Lisa: fine-tuning in turns on safe and on user rows, never far from the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from vaccine_swift.methods.base import Method
from vaccine_swift.methods.options import option

if TYPE_CHECKING:
    from vaccine_swift.engines.report import StepReport
    from vaccine_swift.methods.step import Step

__all__ = ["Lisa"]


@dataclass(frozen=True, slots=True)
class Lisa(Method):
    """Lisa: fine-tune in turns on safe and on user rows, near the other's weights.

    `alignment_steps` optimiser steps on the stream ``"alignment"``, then
    `finetune_steps` on the training rows, and so on. The loss of either has a term that
    holds the LoRA weights near those with which the other state ended ::

        loss(w) + rho / 2 · ‖w − w_other‖₂²

    which is part of the logged loss.

    Parameters
    ----------
    rho : float
        Weight of the term, at least 0; 0 is bi-state optimisation alone.
    alignment_steps, finetune_steps : int
        Optimiser steps of the two states, at least 1.
    variant : {"paper", "authors"}
        ``"paper"``: the term counts from the first step. ``"authors"``, as their code
        does it: after a tenth of the run.

    References
    ----------
    Huang, Hu, Ilhan, Tekin, Liu: Lisa: Lazy Safety Alignment for Large Language Models
    against Harmful Fine-tuning Attack. NeurIPS 2024, arXiv:2405.18641.
    """

    name = "lisa"
    streams = ("alignment",)

    rho: float = option(
        1.0,
        help="weight of the distance to the other state's weights",
        symbol="ρ",
        minimum=0.0,
        maximum=1e30,
    )
    alignment_steps: int = option(
        100, help="steps on safe rows in a turn", symbol="K1", minimum=1
    )
    finetune_steps: int = option(
        900, help="steps on user rows in a turn", symbol="K2", minimum=1
    )
    variant: Literal["paper", "authors"] = option(
        "paper", help="as the paper describes it, or as the authors' code does it"
    )

    def gradient(self, step: Step) -> StepReport:
        """One pass, over safe rows or over the own."""
        place = step.number % (self.alignment_steps + self.finetune_steps)
        aligns = place < self.alignment_steps
        if step.index == 0:
            self._keep_what_ends(step, place)
        batch = step.next_batch("alignment") if aligns else step.batch
        report = step.forward_backward(batch)
        if self.variant == "authors" and step.number <= 0.1 * step.total:
            return report
        other, weights = (
            step.vector("finetune" if aligns else "alignment"),
            step.adapter,
        )
        away = weights.copy()
        away.axpy(-1.0, other)
        step.gradient.axpy(self.rho * step.weight, away)
        return replace(report, loss=report.loss + self.rho / 2 * away.dot(away))

    def _keep_what_ends(self, step: Step, place: int) -> None:
        first = "finetune" not in step.state
        if first or place == 0:
            step.vector("finetune").assign(step.adapter)
        if first or place == self.alignment_steps:
            step.vector("alignment").assign(step.adapter)
