"""How likely a model finds given texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.batches import Example
from vaccine_swift.training.sampling import batches

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM

__all__ = ["log_likelihoods"]

_BATCH_SIZE: Final = 16


def log_likelihoods(
    model: CausalLM, examples: Sequence[Example]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Sum of the log-probabilities of each example's supervised tokens.

    Parameters
    ----------
    model : CausalLM
        Dropout is off.
    examples : sequence of Example
        At least one, each with a supervised token.

    Returns
    -------
    sums : ndarray, float64 [N]
        Nats.
    counts : ndarray, int64 [N]
        Supervised tokens.
    """
    tokens = np.concatenate(
        [model.token_log_probabilities(one) for one in batches(examples, _BATCH_SIZE)]
    )
    counts = np.array([example.supervised for example in examples], np.int64)
    starts = np.cumsum(counts) - counts
    return np.add.reduceat(tokens, starts, dtype=np.float64), counts
