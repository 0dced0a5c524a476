"""What one training step tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vaccine_swift._short_repr import short_repr

__all__ = ["StepReport"]


@dataclass(frozen=True, slots=True, eq=False)
class StepReport:
    """What `CausalLM.forward_backward` computed for one batch.

    Attributes
    ----------
    loss : float
        Mean cross-entropy whose gradient was taken, in nats per supervised token; the
        perturbed one if the method perturbs. This is what the authors log.
    clean_loss : float
        The loss without perturbation; equal to `loss` for SFT, NaN for
        RandomPerturbation, which makes no clean pass.
    perturbation_norms : ndarray, float64 [L]
        ‖ε_l‖₂ of every layer, over the tokens on which a target depends; zeros where
        nothing was perturbed.
    gradient_norm : float
        L2 norm of all accumulated adapter gradients, before clipping.
    attention_gradient_norm : float
        ‖(g_1 … g_L)‖₂ of the first pass; 0 where there was none.
    tokens : int
        T, tokens of the batch.
    supervised : int
        Tokens that count in the loss.
    seconds : float
        Wall time of the step.
    """

    loss: float
    clean_loss: float
    perturbation_norms: npt.NDArray[np.float64]
    gradient_norm: float
    attention_gradient_norm: float
    tokens: int
    supervised: int
    seconds: float

    __repr__ = short_repr

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> StepReport:
        """From what the core returns: the fields by name, the norms as a list."""
        norms = np.asarray(fields["perturbation_norms"], np.float64)
        return cls(**{**fields, "perturbation_norms": norms})
