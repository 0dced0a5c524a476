"""Children that are killed at a chosen moment, and those that may end by themselves."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["Died", "finished", "forked", "kill_one_after"]

PATIENCE = 60.0
"""Seconds in which the others of a job must have ended after one was killed."""


class Died(AssertionError):
    """A child that nobody killed ended with an error."""


def forked(work: Callable[[], object], errors: Path) -> int:
    """The number of a child that does the work, silent but for its errors."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), 2)
        work()
        status = 0
    except BaseException:  # noqa: BLE001  # the child must not return
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(status)


def finished(children: Sequence[int], errors: Path) -> None:
    """Wait for children that are not killed.

    Raises
    ------
    Died
        When one of them ended with an error.
    """
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    if any(codes):
        raise Died(f"ended with {codes}: {errors.read_text()[-3000:]}")


def kill_one_after(children: Sequence[int], victim: int, seconds: float) -> bool:
    """Kill a child of several, unless it ends before; whether it was killed.

    Raises
    ------
    Died
        When the others do not end by themselves.
    """
    end = time.monotonic() + seconds
    codes: dict[int, int] = {}
    while time.monotonic() < end and len(codes) < len(children):
        _collect(children, codes)
        time.sleep(0.001)
    if victim not in codes:
        os.kill(victim, signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while len(codes) < len(children):
        _collect(children, codes)
        if time.monotonic() > end:
            for child in set(children) - codes.keys():
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            raise Died("the others of a killed process did not end")
        time.sleep(0.001)
    return codes[victim] == -signal.SIGKILL


def _collect(children: Sequence[int], codes: dict[int, int]) -> None:
    for child in set(children) - codes.keys():
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            codes[child] = os.waitstatus_to_exitcode(status)
