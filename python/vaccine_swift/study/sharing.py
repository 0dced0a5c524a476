"""A study by several processes on one folder: each takes what is free, by leases.

There is no server: leases lie in ``OUT/shared``, results where they always lie. A
process that is killed loses the stage that it was in, which another one takes over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from vaccine_swift.checkpoints.json_files import read_json
from vaccine_swift.files import write_json
from vaccine_swift.files.leases import EXPIRY, Leases, members
from vaccine_swift.study.folder import SHARED
from vaccine_swift.study.inputs import build
from vaccine_swift.study.plan import Job, Plan
from vaccine_swift.study.progress import GridProgress
from vaccine_swift.study.store import Store

__all__ = ["PLAN", "joined", "take_part"]

PLAN: Final = "plan.json"
_PAUSES: Final = (0.05, 5.0)
"""Seconds between looks for something to do: the first, and the longest."""


def joined(directory: Path, plan: Plan) -> Leases:
    """Join those who work on a study, and leave its plan for who asks how it stands.

    Raises
    ------
    RuntimeError
        When one of them computes with another build or thread count: no stage of theirs
        would be one of ours.
    """
    shared = directory / SHARED
    ours = build()
    for other in members(shared):
        silent = time.time() - other["time"]
        theirs = other.get("build")
        if other["dead"] or silent > EXPIRY or theirs == ours:
            continue
        told = theirs if isinstance(theirs, Mapping) else {}
        differing = "; ".join(
            f"{name} is {told.get(name)!r} at {other['host']}, {value!r} here"
            for name, value in ours.items()
            if told.get(name) != value
        )
        raise RuntimeError(
            f"out must be shared by processes of one build and thread count, but "
            f"{differing}"
        )
    leases = Leases(shared, {"build": ours})
    stages = {
        folder: {"what": job.what, "cost": job.stage.cost}
        for folder, job in plan.jobs().items()
    }
    path = shared / PLAN
    if not path.exists() or read_json(path) != stages:
        write_json(path, stages, indent=None)
    return leases


def take_part(
    missing: dict[str, Job],
    store: Store,
    leases: Leases,
    bar: GridProgress,
    finished: Callable[[], None],
) -> None:
    """Do stages that are free until all are done, here or elsewhere.

    Parameters
    ----------
    missing : dict of str to Job
        What is to be done, by folder, in the order of work. What is done goes out of
        it.
    store : Store
        Where the results lie.
    leases : Leases
        Which stages are whose.
    bar : GridProgress
        Is told of the stages that are done.
    finished : callable
        Called after each stage that was done here.

    Raises
    ------
    Exception
        Whatever a stage raises. Others try it after that.
    """
    pause = _PAUSES[0]
    work: dict[str, float] = {"cost": 0.0, "seconds": 0.0}
    while missing:
        for folder in [each for each in missing if store.has(missing[each].stage)]:
            done = missing.pop(folder)
            bar.passed(done.stage, done.what, store.read(done.stage)["seconds"])
            pause = _PAUSES[0]
        free = (job for job in missing.values() if _is_ours(job, missing, leases))
        job = next(free, None)
        if job is None:
            leases.tell(doing=None)
            if missing:
                time.sleep(pause)
                pause = min(2 * pause, _PAUSES[1])
        elif not store.has(job.stage):
            began = time.monotonic()
            if _do(job, store, leases, bar):
                del missing[job.stage.folder]
                work["cost"] += job.stage.cost
                work["seconds"] += time.monotonic() - began
                leases.tell(**work)
                finished()


def _is_ours(job: Job, missing: Mapping[str, Any], leases: Leases) -> bool:
    """Whether a stage can be done, and nobody else does it."""
    ready = missing.keys().isdisjoint(job.stage.after)
    return ready and leases.take(job.stage.folder)


def _do(job: Job, store: Store, leases: Leases, bar: GridProgress) -> bool:
    """Do a stage; False where it failed and another process does it by now."""

    def report(share: float) -> None:
        bar.report(job.stage, job.what, share)
        leases.tell(share=share)

    leases.tell(doing=job.what, share=0.0)
    bar.begin(job.stage, job.what)
    try:
        store.run(job.stage, report)
    except Exception as error:
        if leases.is_lost(job.stage.folder):
            return False
        error.add_note(f"({job.what})")
        raise
    bar.end(job.stage, job.what)
    return True
