"""The loss on a data set."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vaccine_swift.distributed import Alone
from vaccine_swift.distributed.exchange import together
from vaccine_swift.training.sampling import batches

if TYPE_CHECKING:
    from vaccine_swift.batches import Example
    from vaccine_swift.distributed import Collective
    from vaccine_swift.models import CausalLM

__all__ = ["evaluation_metrics"]


def evaluation_metrics(
    model: CausalLM,
    dataset: Sequence[Example],
    batch_size: int,
    *,
    prefix: str = "eval",
    after_batch: Callable[[], None] = lambda: None,
    collective: Collective | None = None,
) -> dict[str, float]:
    """Mean cross-entropy over all supervised tokens of a data set, dropout off.

    Parameters
    ----------
    model : CausalLM
        Its gradients and weights stay as they are.
    dataset : sequence of Example
        At least one, each with a supervised token.
    batch_size : int
        Examples per batch; changes time and memory, not the loss.
    prefix : str
        Put before the names of the metrics.
    after_batch : callable
        Called after each batch that is measured here.
    collective : Collective, optional
        Ranks that take turns with the batches. The loss is the same bits without.

    Returns
    -------
    dict
        ``eval_loss`` (nats per token), ``eval_runtime`` (s),
        ``eval_samples_per_second``, ``eval_steps_per_second``.
    """
    started = time.perf_counter()
    collective = collective or Alone()
    steps = math.ceil(len(dataset) / batch_size)
    losses, tokens = np.zeros(steps), np.zeros(steps, np.int64)
    own = range(collective.rank, steps, collective.size)
    with together(collective):
        for index, batch in zip(own, batches(dataset, batch_size, own), strict=True):
            loss, supervised = model.loss(batch)
            losses[index], tokens[index] = loss * supervised, supervised
            after_batch()
    collective.allreduce(losses)
    collective.allreduce(tokens)
    seconds = time.perf_counter() - started
    return {
        f"{prefix}_loss": math.fsum(losses) / int(tokens.sum()),
        f"{prefix}_runtime": seconds,
        f"{prefix}_samples_per_second": len(dataset) / seconds,
        f"{prefix}_steps_per_second": steps / seconds,
    }
