"""What ranks compute each of their own part, on all of them; errors of one, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vaccine_swift.distributed.exchange import raise_shared

if TYPE_CHECKING:
    from vaccine_swift.batches import Batch
    from vaccine_swift.distributed.collective import Collective
    from vaccine_swift.distributed.parts import Part

__all__ = ["gathered", "summed"]


def summed(
    collective: Collective,
    part: Part,
    computed: Callable[[], npt.NDArray[np.float64]],
    count: int,
    *,
    on_error: Callable[[], None] | None = None,
    needs_supervision: bool = True,
) -> npt.NDArray[np.float64]:
    """Numbers of all ranks added up; an error of one is raised on all.

    `on_error` is called on all of them before that.
    """
    if needs_supervision and not part.is_supervised:
        raise ValueError("labels: no token of the batch is supervised")
    totals = np.zeros(count + 1)
    error: Exception | None = None
    has_work = part.share > 0 if needs_supervision else len(part.sequences) > 0
    try:
        if has_work:
            totals[:count] = computed()
    except Exception as raised:  # noqa: BLE001, raised again on all ranks
        error = raised
        totals[:count], totals[count] = 0.0, 1.0
    collective.allreduce(totals)
    if totals[count]:
        if on_error:
            on_error()
        raise_shared(collective, error)
    return totals[:count]


def gathered(
    collective: Collective,
    shape: tuple[int, ...],
    place: tuple[slice, ...],
    sequences: range,
    computed: Callable[[Batch], npt.NDArray[np.float32]],
    batch: Batch,
) -> npt.NDArray[np.float32]:
    """What the ranks computed of their parts, side by side on each of them."""
    result = np.zeros(shape, np.float32)
    error: Exception | None = None
    try:
        if sequences:
            result[place] = computed(batch.part(sequences))
    except Exception as raised:  # noqa: BLE001, raised again on all ranks
        error = raised
    failed = np.array([error is not None], np.int64)
    collective.allreduce(failed)
    if failed[0]:
        raise_shared(collective, error)
    collective.allreduce(result)
    return result
