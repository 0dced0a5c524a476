"""The loss of a pass: weighted cross-entropy, and a divergence from a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy

from vaccine_swift._plurals import counted
from vaccine_swift.engines.torch.batch import PaddedBatch

__all__ = ["LossTerms"]


@dataclass(frozen=True, eq=False)
class LossTerms:
    """What the loss is made of.

    ::

        Σ_s (weights_s · CE_s + reference_weight · KL_s)

    Parameters
    ----------
    weights : Tensor, float32 [S], optional
        1 if left out.
    reference : Tensor, float32 [S, V], optional
        Log-probabilities; no second term if left out.
    reference_weight : float
        Of the second term.
    """

    weights: torch.Tensor | None = None
    reference: torch.Tensor | None = None
    reference_weight: float = 0.0

    @classmethod
    def of(
        cls,
        batch: PaddedBatch,
        weights: npt.NDArray[Any] | None,
        reference: npt.NDArray[Any] | None,
        reference_weight: float,
    ) -> LossTerms:
        """From one weight for each token of the batch, and rows of the reference.

        Raises
        ------
        ValueError
            When they do not fit the batch, or are no finite log-probabilities.
        """
        chosen = rows = None
        if weights is not None:
            if weights.shape != (batch.count,) or not np.isfinite(weights).all():
                raise ValueError(
                    "weights must be finite, one for each of "
                    f"{counted(batch.count, 'token')}"
                )
            chosen = torch.from_numpy(weights[batch.labelled])
        if reference is not None:
            if reference.ndim != 2 or len(reference) != batch.supervised:
                raise ValueError(
                    f"reference must have a row for each of "
                    f"{counted(batch.supervised, 'supervised token')}, got shape "
                    f"{reference.shape}"
                )
            if not (reference <= 1e-3).all():
                raise ValueError("reference: an element is no log-probability")
            rows = torch.from_numpy(reference)
        return cls(chosen, rows, reference_weight)

    def total(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The sum over the rows of `scores`, float32 [S, V].

        Raises
        ------
        ValueError
            When the reference has another vocabulary.
        """
        losses = cross_entropy(scores, targets.to(scores.device), reduction="none")
        if self.weights is not None:
            losses = losses * self.weights.to(scores.device)
        if self.reference is not None:
            if self.reference.shape[1] != scores.shape[1]:
                raise ValueError(
                    f"reference must have {counted(scores.shape[1], 'column')}, got "
                    f"{self.reference.shape[1]}"
                )
            goal = self.reference.to(scores.device)
            divergence = (goal.exp() * (goal - scores.log_softmax(-1))).sum(-1)
            losses = losses + self.reference_weight * divergence
        return losses.sum()
