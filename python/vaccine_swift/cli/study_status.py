"""How a study stands, for the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from tqdm import tqdm  # type: ignore[import-untyped]

from vaccine_swift._plurals import counted, plural
from vaccine_swift.cli.terminal import visible
from vaccine_swift.study import StudyStatus
from vaccine_swift.study.status import Worker

__all__ = ["status_table"]


def status_table(status: StudyStatus) -> RenderableType:
    """What is done, what is left, and a line for each worker."""
    stages = f"{status.done} of {status.stages}" if status.stages else f"{status.done}"
    told = f"{stages} {plural(status.stages or status.done, 'stage')} done, "
    told += f"{counted(status.rows, 'row')} of results"
    if status.seconds_left:
        told += f", {tqdm.format_interval(status.seconds_left)} left"
    if status.alone:
        told += "; a process works there that does not share"
    elif not status.workers:
        told += "; nobody works there"
    lines: list[RenderableType] = [escape(visible(f"{status.directory}: {told}"))]
    if status.workers:
        lines.append(_workers(status))
    return Group(*lines)


def _workers(status: StudyStatus) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("machine", "process", "stage"):
        table.add_column(name)
    table.add_column("heard of", justify="right")
    for worker in sorted(status.workers, key=lambda each: (each.host, each.process)):
        table.add_row(
            escape(visible(worker.host)),
            str(worker.process),
            escape(visible(_doing(worker))),
            f"{worker.silent:.0f} s ago",
        )
    return table


def _doing(worker: Worker) -> str:
    if not worker.alive:
        return "silent, taken for dead"
    if worker.doing is None:
        return "waits for others"
    return f"{worker.doing} {worker.share:.0%}"
