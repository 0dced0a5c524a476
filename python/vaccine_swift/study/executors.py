"""A study's stages on the workers of a `concurrent.futures.Executor`.

What travels is small and picklable: the trial and the name of the stage. A worker reads
the model and the rows itself, makes sure that its stage is the one that was meant, and
leaves the result in the study's folder, which all workers have to see.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift.machine.threads import get_num_threads, set_num_threads
from vaccine_swift.methods import Method, method_class, registered
from vaccine_swift.methods.base import register
from vaccine_swift.study.checks import Source
from vaccine_swift.study.config import SETTINGS
from vaccine_swift.study.inputs import Inputs
from vaccine_swift.study.stages import Workshop
from vaccine_swift.study.store import Stage, Store

if TYPE_CHECKING:
    from vaccine_swift.study.grid import Trial
    from vaccine_swift.study.plan import Job
    from vaccine_swift.study.progress import GridProgress

__all__ = ["Order", "carry_out", "run_on"]

_SEEN_WITHIN: Final = 60.0
"""Seconds after which a network file system shows what another machine wrote."""


@dataclasses.dataclass(frozen=True)
class Order:
    """A stage as it is sent to a worker.

    Parameters
    ----------
    directory : Path
        The study's folder, absolute.
    trial : Trial
        Whose stage; its files by absolute paths.
    name : str
        The stage's name in the trial.
    folder : str
        The stage's folder, by which the worker knows that it means the same.
    key : mapping
        All that determines the result.
    method : type of Method or None
        Of the trial's alignment, which may be a class of the user's own.
    """

    directory: Path
    trial: Trial
    name: str
    folder: str
    key: Mapping[str, Any]
    method: type[Method] | None


def run_on(
    executor: Executor,
    missing: dict[str, Job],
    store: Store,
    directory: Path,
    bar: GridProgress,
    finished: Callable[[], None],
) -> None:
    """Submit stages as those that they build on are done.

    Parameters
    ----------
    executor : Executor
        Of any kind.
    missing : dict of str to Job
        What is to be done, by folder. What is done goes out of it.
    store : Store
        Where the results come to lie.
    directory : Path
        The study's folder.
    bar : GridProgress
        Is told of the stages that are done.
    finished : callable
        Called after each of them.

    Raises
    ------
    Exception
        Whatever a stage raises, once the stages that run are done; none is begun after
        it.
    """
    waiting = dict(missing)
    pending: dict[Future[None], str] = {}
    try:
        while waiting or pending:
            for folder, job in list(waiting.items()):
                if missing.keys().isdisjoint(job.stage.after):
                    order = _order(directory, waiting.pop(folder))
                    pending[executor.submit(carry_out, order)] = folder
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                folder = pending.pop(future)
                _collect(future, missing[folder], store)
                job = missing.pop(folder)
                bar.passed(job.stage, job.what, store.read(job.stage)["seconds"])
                finished()
    except BaseException as error:
        for future in pending:
            future.cancel()
        if isinstance(error, Exception):
            wait(pending)
        raise
    finally:
        _inputs.cache_clear()  # of workers that are threads of this process


def carry_out(order: Order) -> None:
    """Do a stage; what an executor calls.

    Raises
    ------
    RuntimeError
        When the stage is another one here: the build, the threads, the model's files or
        the rows differ.
    Exception
        Whatever the stage raises.
    """
    if order.method is not None and order.method.name not in registered():
        register(order.method)
    threads = order.key["environment"]["threads"]
    if threads != get_num_threads():
        set_num_threads(threads)
    store = Store(order.directory)
    stage = _stage(order, store)
    if not store.has(stage):
        store.run(stage, lambda share: None)


def _order(directory: Path, job: Job) -> Order:
    trial = job.trial
    return Order(
        directory.absolute(),
        dataclasses.replace(trial, settings=_with_absolute_paths(trial.settings)),
        job.name,
        job.stage.folder,
        job.stage.key,
        method_class(trial.method) if trial.aligned else None,
    )


def _with_absolute_paths(settings: Mapping[str, Any]) -> dict[str, Any]:
    """For a worker in another directory; no stage's key holds one of these paths."""
    return {
        name: str(Path(value).absolute())
        if (name == "model" or isinstance(SETTINGS[name].check, Source))
        and isinstance(value, str)
        and Path(value).exists()
        else value
        for name, value in settings.items()
    }


def _stage(order: Order, store: Store) -> Stage:
    """The ordered stage, made anew where files have changed since the last order."""
    for _ in range(2):
        inputs = _inputs(order.trial.settings["model"])
        stage = Workshop(inputs, store).stages(order.trial)[order.name]
        if stage.folder == order.folder:
            return stage
        _inputs.cache_clear()
    raise RuntimeError(
        "executor must have workers for which all that determines a stage is the same, "
        f"but for one {_differences(order.key, stage.key)}; a process that was started "
        "by fork computes on one thread"
    )


@functools.lru_cache(maxsize=1)
def _inputs(model: str) -> Inputs:
    return Inputs(model)


def _differences(
    expected: Mapping[str, Any], found: Mapping[str, Any], prefix: str = ""
) -> str:
    """What two keys differ in."""
    told = []
    for name in dict.fromkeys((*expected, *found)):
        here, there = expected.get(name), found.get(name)
        if isinstance(here, Mapping) and isinstance(there, Mapping):
            told.append(_differences(here, there, f"{prefix}{name}."))
        elif here != there:
            told.append(f"{prefix}{name} is {there!r}, not {here!r}")
    return "; ".join(filter(None, told))


def _collect(future: Future[None], job: Job, store: Store) -> None:
    """Raise what the stage raised; wait until its result is seen here."""
    try:
        future.result()
    except Exception as error:
        error.add_note(f"({job.what})")
        raise
    until = time.monotonic() + _SEEN_WITHIN
    while not store.has(job.stage):
        if time.monotonic() > until:
            raise RuntimeError(
                f"out must be a folder that the executor's workers share, but "
                f"{store.path(job.stage)} did not appear"
            )
        time.sleep(0.1)
