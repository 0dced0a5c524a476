"""How long a run will take and how much memory, before it starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vaccine_swift._plurals import counted
from vaccine_swift.batches import Batch
from vaccine_swift.methods import SFT

if TYPE_CHECKING:
    from vaccine_swift.methods import Method
    from vaccine_swift.training.host import Host
    from vaccine_swift.training.sampling import Plan, Survey

__all__ = ["Estimate", "estimated", "rough_time"]

_STEPS: Final = 100
_UNITS: Final = (
    ("days", 86400.0, 2 * 86400.0),
    ("hours", 3600.0, 2 * 3600.0),
    ("minutes", 60.0, 120.0),
)


@dataclass(frozen=True)
class Estimate:
    """What is left of a run.

    Parameters
    ----------
    steps : int
        Optimiser steps.
    tokens : int
        Real tokens of their batches.
    seconds : float
        Time of all steps, without evaluations and checkpoints.
    memory : int
        Bytes that the process holds while it trains; 0 where the system does not say.
    at_least : bool
        The method reads streams of its own, whose time is not in `seconds`.

    Examples
    --------
    >>> print(Estimate(20_000, 10_000_000, 880_000.0, 9_100_000_000))
    20,000 steps, 10,000,000 tokens: about 10 days, 9.1 GB of memory
    """

    steps: int
    tokens: int
    seconds: float
    memory: int
    at_least: bool = False

    def __str__(self) -> str:
        about = "at least" if self.at_least else "about"
        memory = f", {self.memory / 1e9:.1f} GB of memory" if self.memory else ""
        return (
            f"{counted(self.steps, 'step', form=',')}, "
            f"{counted(self.tokens, 'token', form=',')}: {about} "
            f"{rough_time(self.seconds)}{memory}"
        )


def estimated(
    host: Host,
    plan: Plan,
    data: Survey,
    done: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Estimate:
    """Time one micro-batch, and count those that are left.

    Memory must be reserved. Where several ranks train, each times its own part, and
    the sums between them are not counted. The gradients are zero afterwards; nothing
    else changes, so that the run gives the bits that it would have given.

    Parameters
    ----------
    host : Host
        Whose run.
    plan : Plan
        Its steps.
    data : Survey
        Its examples.
    done : int
        Steps that are done.
    clock : callable
        Seconds.
    """
    (first, *_), *_ = plan.steps(0)
    whole = Batch.pack(host.train_dataset[int(index)] for index in first)
    batch = host.ranks.own_part(whole)
    taken: list[Method] = [SFT()]
    if not host.method.streams:
        taken = [host.method.at_step(step) for step in range(_STEPS)]
    kinds = [kind for index, kind in enumerate(taken) if kind not in taken[:index]]
    times = [_timed(host, batch, kind, clock) for kind in kinds]
    mean = sum(times[kinds.index(kind)] for kind in taken) / len(taken)
    per_token = mean / batch.tokens / host.ranks.size
    steps = max(0, plan.total_steps - done)
    tokens = round(steps / plan.steps_per_epoch * int(data.lengths.sum()))
    return Estimate(
        steps, tokens, per_token * tokens, _resident(), bool(host.method.streams)
    )


def _timed(
    host: Host, batch: Batch, method: Method, clock: Callable[[], float]
) -> float:
    """Seconds of a micro-batch; where it is short, of the second one."""
    seconds = 0.0
    for _ in range(2):
        began = clock()
        host.model.forward_backward(batch, method, seed=0, stream=0, state={})
        seconds = clock() - began
        host.model.zero_gradients()
        if seconds > 0.5:
            break
    return seconds


def _resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(found[0]) * 1024 if found else 0


def rough_time(seconds: float) -> str:
    """A time in its largest fitting unit, such as "10 days" or "45 s"."""
    for name, unit, smallest in _UNITS:
        if seconds >= smallest:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(1.0, seconds):.0f} s"
