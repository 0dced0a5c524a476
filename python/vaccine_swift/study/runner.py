"""`run`: a whole study, resumed where it was left."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from vaccine_swift.study.folder import opened, write_rows
from vaccine_swift.study.grid import Trial, trials
from vaccine_swift.study.inputs import Inputs
from vaccine_swift.study.progress import GridProgress
from vaccine_swift.study.result import StudyResult
from vaccine_swift.study.rows import result_row
from vaccine_swift.study.stages import Workshop
from vaccine_swift.study.store import Stage, Store, digest

if TYPE_CHECKING:
    from vaccine_swift.study.config import StudyConfig

__all__ = ["run"]

Grid: TypeAlias = Sequence[tuple[Trial, Mapping[str, Stage]]]


def run(
    config: StudyConfig, out: str | os.PathLike[str], *, progress: bool = True
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
    progress : bool
        Show a bar with the time left and a line for each stage, on standard error.

    Returns
    -------
    StudyResult
        All rows; summaries, differences and the report.

    Raises
    ------
    ValueError
        When `out` holds another study, or something else; when more rows are asked for
        than there are; when a loss is not finite; when a judge returns nonsense.
    RuntimeError
        When another process works in `out`, or a judge raises.
    OSError
        When a download or the disk fails.
    KeyboardInterrupt
        On Ctrl-C; finished stages are kept.

    Notes
    -----
    Work goes seed by seed, so that an unfinished study has whole seeds. A stage's
    hash covers the model's file, the rows, the settings, the seed, the precision, the
    number of threads and the build: on one machine the same study gives the same bits.

    Examples
    --------
    >>> from vaccine_swift import study
    >>> config = study.preset("smoke")
    >>> result = study.run(config, "runs/smoke")  # doctest: +SKIP
    >>> result.summary()  # doctest: +SKIP
    """
    directory = Path(out)
    store = Store(directory)
    workshop = Workshop(Inputs(config.model), store)
    grid = [(trial, workshop.stages(trial)) for trial in trials(config)]
    with opened(directory, config):
        study = digest(config.to_dict())
        rows = {
            place: _row(study, trial, stages, store)
            for place, (trial, stages) in enumerate(grid)
            if all(map(store.has, stages.values()))
        }
        bar = GridProgress(_missing(grid, store), shown=progress)
        try:
            for place in _order_of_work(grid, config.seeds):
                trial, stages = grid[place]
                if place not in rows:
                    _finish(trial, stages, store, bar)
                    rows[place] = _row(study, trial, stages, store)
                    write_rows(directory, _in_order(rows))
        finally:
            bar.close()
        write_rows(directory, _in_order(rows))
    return StudyResult(_in_order(rows), directory)


def _missing(grid: Grid, store: Store) -> list[Stage]:
    """Stages that are still to be done, each once."""
    every = {stage.folder: stage for _, stages in grid for stage in stages.values()}
    return [stage for stage in every.values() if not store.has(stage)]


def _order_of_work(grid: Grid, seeds: Sequence[int]) -> list[int]:
    """Places in the grid, a whole seed before the next one."""
    return sorted(range(len(grid)), key=lambda place: seeds.index(grid[place][0].seed))


def _finish(
    trial: Trial, stages: Mapping[str, Stage], store: Store, bar: GridProgress
) -> None:
    """Do the stages of a trial that are not done."""
    for name, stage in stages.items():
        if store.has(stage):
            continue
        share = "" if name in ("align", "before") else f", p={trial.poison:g}"
        what = f"{trial.label}{share}, seed {trial.seed}: {name}"
        bar.begin(stage, what)
        try:
            store.run(stage, functools.partial(bar.report, stage, what))
        except Exception as error:
            error.add_note(f"({what})")
            raise
        bar.end(stage, what)


def _row(
    study: str, trial: Trial, stages: Mapping[str, Stage], store: Store
) -> dict[str, Any]:
    kept = {name: store.read(stage) for name, stage in stages.items()}
    return result_row(study, trial, kept)


def _in_order(rows: Mapping[int, dict[str, Any]]) -> list[dict[str, Any]]:
    return [rows[place] for place in sorted(rows)]
