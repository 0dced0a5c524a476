"""Collectives without a launcher: ranks that are threads of the test's process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np


class _Meeting:
    def __init__(self, size: int) -> None:
        self.barrier = threading.Barrier(size, timeout=60)
        self.arrays: list[Any] = [None] * size


class ThreadRank:
    """One of the ranks; counts what it reduces."""

    def __init__(self, rank: int, size: int, meeting: _Meeting) -> None:
        self.rank, self.size = rank, size
        self._meeting = meeting
        self.calls = self.bytes = 0

    def allreduce(self, array: np.ndarray) -> None:
        meeting = self._meeting
        meeting.arrays[self.rank] = array
        self.barrier()
        shapes = {(each.shape, each.dtype) for each in meeting.arrays}
        assert len(shapes) == 1, shapes
        total = meeting.arrays[0].copy()
        for each in meeting.arrays[1:]:
            total += each
        self.barrier()
        array[...] = total
        self.calls += 1
        self.bytes += array.nbytes

    def barrier(self) -> None:
        self._meeting.barrier.wait()

    def abort(self, error: BaseException) -> None:
        self._meeting.barrier.abort()


def on_ranks(size: int, work: Callable[[ThreadRank], Any]) -> list[Any]:
    """What `work` returns on each of `size` ranks; raises what rank 0 raises first."""
    meeting = _Meeting(size)
    with ThreadPoolExecutor(size) as threads:
        tasks = [
            threads.submit(work, ThreadRank(rank, size, meeting))
            for rank in range(size)
        ]
    return [task.result() for task in tasks]


def errors_on_ranks(size: int, work: Callable[[ThreadRank], Any]) -> list[Any]:
    """What each rank raises; None where nothing."""

    def caught(rank: ThreadRank) -> BaseException | None:
        try:
            work(rank)
        except Exception as error:  # noqa: BLE001
            return error
        return None

    return on_ranks(size, caught)
