"""How long the stages of a study will take, before the first one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vaccine_swift.batches import Batch
from vaccine_swift.lora import LoRAConfig
from vaccine_swift.methods import SFT
from vaccine_swift.study.training import examples

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM
    from vaccine_swift.study.grid import Trial
    from vaccine_swift.study.store import Stage
    from vaccine_swift.study.tasks import Row

__all__ = ["estimated_seconds"]


def estimated_seconds(
    stages: Iterable[Stage],
    model: CausalLM,
    rows: Iterable[Row],
    trial: Trial,
) -> float:
    """Time one step of training, and count the stages' cost in such steps.

    Parameters
    ----------
    stages : iterable of Stage
        What is to be done; a unit of their cost is a row that is trained on plainly,
        by itself.
    model : CausalLM
        Is given an adapter; its memory is warm afterwards.
    rows : iterable of dict
        A batch of training rows.
    trial : Trial
        Its settings.

    Returns
    -------
    float
        Seconds, of the machine as it is now.
    """
    # With dropout, rows share nothing.
    adapter = LoRAConfig(r=trial.settings["rank"], lora_dropout=0.1)
    model.add_adapter(adapter, seed=0)
    batch = list(examples(list(rows), model, trial))
    seconds = 0.0
    for _ in range(2):  # the first one reserves memory
        began = time.perf_counter()
        model.forward_backward(Batch.pack(batch), SFT(), seed=0, stream=0, state={})
        seconds = time.perf_counter() - began
        model.zero_gradients()
    return seconds / len(batch) * sum(stage.cost for stage in stages)
