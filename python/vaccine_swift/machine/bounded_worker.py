"""Answers the requests of a `bounded_process`, which runs this file as a script.

It bounds its own memory and time, so that it ends also where its caller has gone. Lines
of JSON go both ways through its standard input, a socket. It needs the standard library
only.
"""

from __future__ import annotations

import contextlib
import functools
import json
import resource
import signal
import sys
import types
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from typing import Any


def _bound_memory(size: int) -> int:
    """Limit the address space; to less where it was limited already."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    bound = size if most == resource.RLIM_INFINITY else min(most, size)
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    return bound


def _heed_timers() -> None:
    """Let timers end the process, also where its caller ignores or blocks signals."""
    for each in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {each})


@functools.cache
def _function(file: str) -> Callable[[Any], Any]:
    loader = SourceFileLoader("bounded_function", file)
    module = types.ModuleType(loader.name)
    loader.exec_module(module)
    function: Callable[[Any], Any] = module.answer
    return function


def _reply(file: str, request: Any, memory: int) -> bytes:
    """Whether there is an answer, and it or the reason."""
    try:
        return json.dumps([True, _function(file)(request)]).encode()
    except MemoryError:
        reason = f"needs more than {memory >> 20} MiB"
    except RecursionError:
        reason = "nests too deeply"
    except Exception as error:  # noqa: BLE001, whatever a function does, it is told
        reason = f"{error}"[:1000] or type(error).__name__
    return json.dumps([False, reason]).encode()


def _serve(size: int, file: str) -> None:
    """Answer requests until the other side has gone."""
    memory = _bound_memory(size)
    _heed_timers()
    with (
        contextlib.suppress(ConnectionError),
        open(0, "rb", 1 << 16, closefd=False) as requests,
        open(0, "wb", closefd=False) as replies,
    ):
        for line in requests:
            request, seconds, patience = json.loads(line)
            del line  # its memory is the function's
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.setitimer(signal.ITIMER_REAL, patience)
            reply = _reply(file, request, memory)
            signal.setitimer(signal.ITIMER_PROF, 0)
            replies.writelines((reply, b"\n"))
            replies.flush()
            signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    _, _size, _file, *_path = sys.argv
    sys.path[:] = _path
    _serve(int(_size), _file)
