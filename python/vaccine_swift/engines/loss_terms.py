"""What a loss has beside the mean cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vaccine_swift._short_repr import short_repr

__all__ = ["Reference"]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Another model's, or an earlier state's, log-probabilities to stay close to.

    Adds `weight` · KL(reference ‖ model), the mean over the supervised tokens.

    Parameters
    ----------
    log_probabilities : ndarray, float32 [S, V]
        At the batch's supervised tokens, as `Engine.log_probabilities` gives them;
        finite.
    weight : float
        Of the term.
    """

    log_probabilities: npt.NDArray[np.float32]
    weight: float = 1.0

    __repr__ = short_repr
