"""`run`: a whole study, resumed where it was left."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path

from vaccine_swift._arguments import check_type, checked_path
from vaccine_swift.study.config import StudyConfig
from vaccine_swift.study.executors import run_on
from vaccine_swift.study.folder import holds, opened, write_rows
from vaccine_swift.study.grid import Trial
from vaccine_swift.study.inputs import Inputs
from vaccine_swift.study.plan import Job, Plan, Rows
from vaccine_swift.study.progress import GridProgress
from vaccine_swift.study.result import StudyResult
from vaccine_swift.study.sharing import joined, take_part
from vaccine_swift.study.stages import Workshop
from vaccine_swift.study.store import Stage, Store

__all__ = ["run"]


def run(
    config: StudyConfig,
    out: str | os.PathLike[str],
    *,
    executor: Executor | None = None,
    share: bool = False,
    progress: bool = True,
) -> StudyResult:
    """Align, attack, evaluate and measure drift for every cell and seed of a grid.

    Parameters
    ----------
    config : StudyConfig
        The grid and all settings.
    out : path
        The study's folder. Every stage of every trial is kept there under a hash of all
        that determines it: a killed study goes on where it was, and one with more
        methods, shares, seeds or swept values takes over what there is.
        ``results.jsonl`` has a row for each finished trial, in grid order.
    executor : concurrent.futures.Executor, optional
        Whose workers do the stages, each as soon as those that it builds on are done: a
        process pool, Dask's ``client.get_executor()``, mpi4py's, or any other. They
        have to see `out`, the model and all files of rows, and to run the same build;
        the number of threads is made this process's. Without one, the stages are done
        here, one after the other. The results are the same bits.
    share : bool
        Let other processes, of this machine and of any that sees `out`, work on the
        same study at the same time: each calls `run` in this way, takes stages that are
        free and returns when all are done. What a killed one was at is taken over, at
        once on the same machine, otherwise after two minutes.
    progress : bool
        Say how long it will take, show a bar with the time left and a line for each
        stage, on standard error.

    Returns
    -------
    StudyResult
        All rows; summaries, differences and the report.

    Raises
    ------
    ValueError
        When there is an `executor` and `share`; when `out` holds another study, or
        something else; when more rows are asked for than there are; when a loss is not
        finite; when a judge returns nonsense.
    TypeError
        When `executor` is none.
    RuntimeError
        When another process works in `out`, or a judge raises; when the executor's
        workers do not see `out`, or differ in what determines a stage; when those who
        share `out` differ in build or threads.
    OSError
        When a download or the disk fails.
    KeyboardInterrupt
        On Ctrl-C; finished stages are kept.

    Notes
    -----
    Work goes seed by seed, so that an unfinished study has whole seeds; an executor is
    given every stage that can be done, in this order. A stage's hash covers the model's
    file, the rows, the settings, the seed, the precision, the number of threads and the
    build: on one machine the same study gives the same bits.

    Examples
    --------
    >>> from vaccine_swift import study
    >>> config = study.preset("smoke")
    >>> result = study.run(config, "runs/smoke")  # doctest: +SKIP
    >>> result.summary()  # doctest: +SKIP
    """
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(
            f"executor must be a concurrent.futures.Executor, got {executor!r}"
        )
    if executor is not None and share:
        raise ValueError("share must be False where there is an executor")
    check_type("config", config, StudyConfig)
    directory = checked_path("out", out)
    store = Store(directory)
    workshop = Workshop(Inputs(config.model), store)
    plan = Plan(config, workshop, store)
    with opened(directory, config, share=share):
        missing = plan.missing()
        rows = Rows(plan)
        rows.add_finished(missing)
        bar = GridProgress(
            (job.stage for job in missing.values()),
            shown=progress,
            before=len(plan.jobs()) - len(missing) if share else 0,
        )

        def write_finished() -> None:
            if rows.add_finished(missing) and holds(directory, config):
                write_rows(directory, rows)

        try:
            if share:
                with joined(directory, plan) as leases:
                    take_part(missing, store, leases, bar, write_finished)
            elif executor is not None:
                run_on(executor, missing, store, directory, bar, write_finished)
            else:
                if progress and missing:
                    jobs = list(missing.values())
                    stages = [job.stage for job in jobs]
                    bar.announce(workshop.expected_seconds(jobs[0].trial, stages))
                _run_here(plan, rows, directory, bar)
        finally:
            bar.close()
        rows.add_finished(missing)
        if holds(directory, config):
            write_rows(directory, rows)
    return StudyResult(list(rows), directory)


def _run_here(plan: Plan, rows: Rows, directory: Path, bar: GridProgress) -> None:
    """Do one trial after the other."""
    for place in plan.order_of_work():
        if place not in rows:
            _finish(*plan.grid[place], plan.store, bar)
            rows.add(place)
            write_rows(directory, rows)


def _finish(
    trial: Trial, stages: Mapping[str, Stage], store: Store, bar: GridProgress
) -> None:
    """Do the stages of a trial that are not done."""
    for name, stage in stages.items():
        if store.has(stage):
            continue
        what = Job(stage, trial, name).what
        bar.begin(stage, what)
        try:
            store.run(stage, functools.partial(bar.report, stage, what))
        except Exception as error:
            error.add_note(f"({what})")
            raise
        bar.end(stage, what)
