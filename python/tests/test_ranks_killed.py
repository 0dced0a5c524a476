"""A killed rank ends a job over pipes, without any launcher, and says which it was."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from launched import check_it_goes_on
from pipe_ranks import PipeRank
from ranks_run import job

import vaccine_swift as vs

SIZE = 3


class Telling(vs.TrainerCallback):
    def __init__(self, steps: Connection) -> None:
        self.steps = steps

    def on_step_end(self, args, state, control, **kwargs):
        self.steps.send(state.global_step)
        time.sleep(0.1)


def work(
    folder: Path, rank: int, pipes: dict[int, Connection], steps: Connection
) -> None:
    vs.set_num_threads(1)
    job(folder / "job", PipeRank(rank, SIZE, pipes), Telling(steps)).train()


def test_a_killed_rank_ends_the_job_by_name(tmp_path: Path, capfd) -> None:
    context = multiprocessing.get_context("spawn")
    pipes = {rank: context.Pipe() for rank in range(1, SIZE)}
    ends = {0: {rank: first for rank, (first, _) in pipes.items()}}
    ends |= {rank: {0: second} for rank, (_, second) in pipes.items()}
    steps = [context.Pipe(duplex=False) for _ in range(SIZE)]
    processes = [
        context.Process(target=work, args=(tmp_path, rank, ends[rank], steps[rank][1]))
        for rank in range(SIZE)
    ]
    for process in processes:
        process.start()
    for end in [*pipes.values(), *((sender,) for _, sender in steps)]:
        for connection in end:
            connection.close()
    while steps[1][0].recv() != 12:
        pass
    os.kill(processes[1].pid, signal.SIGKILL)
    killed = time.monotonic()
    for process in processes:
        process.join(timeout=30)
    assert time.monotonic() - killed < 15
    assert [process.exitcode for process in processes] == [1, -signal.SIGKILL, 1]
    assert "ConnectionError: rank 1 has ended" in capfd.readouterr().err
    check_it_goes_on(tmp_path)
