"""Functions for what comes from anybody, run in a process of its own within bounds.

A template of a model or an expression of an adapter may compute for ever, build
gigabytes or end its interpreter. `bounded_worker` is the other side.

The pools of `concurrent.futures` and `multiprocessing` bound none of this: their
workers are forked with all memory of the caller or run its script again, are not ended
when their task takes too long, and send pickles, which the caller would execute.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any, Final

__all__ = ["MEMORY_BYTES", "PATIENCE", "BoundedProcess", "Unanswered"]

MEMORY_BYTES: Final = 2**30
"""Address space of a process, where its limits do not leave it less."""

PATIENCE: Final = 10
"""How many times its processor time an answer may take by the clock."""

_WORKER: Final = Path(__file__).with_name("bounded_worker.py")
_ALL: Final[weakref.WeakSet[BoundedProcess]] = weakref.WeakSet()


class Unanswered(Exception):
    """A request had no answer; the text says why.

    It is "takes longer than 10 s", "needs more than 1024 MiB", "nests too deeply",
    "ended its process" or the words of the exception that the function raised.
    """


class BoundedProcess:
    """A process that answers requests: started at need, one request at a time.

    Threads take turns, a child after a fork starts its own, and the process ends with
    its caller. It has the caller's environment and ``sys.path``, and hears no Ctrl-C.

    Parameters
    ----------
    file : Path
        Python source with a function ``answer`` of one argument; that and the result
        are what JSON holds. It may import what ``sys.path`` leads to, but this package,
        which would bring the core.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "sums.py"
    ...     _ = file.write_text("def answer(terms): return sum(terms)")
    ...     with BoundedProcess(file) as process:
    ...         process.ask([1, 2, 3], seconds=10)
    6
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        _ALL.add(self)

    def __enter__(self) -> BoundedProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ask(self, request: Any, *, seconds: float) -> Any:
        """The answer to a request.

        The process is ended where none comes, by Ctrl-C too; the next request starts
        another.

        Parameters
        ----------
        request : object
            What JSON holds; lone surrogates and NaN pass.
        seconds : float
            Longest time of the processor, > 0; `PATIENCE` times as much by the clock,
            from handing over the request.

        Raises
        ------
        Unanswered
            When the function fails or exceeds a bound.
        OSError
            When no process can be started.
        """
        patience = PATIENCE * seconds
        line = json.dumps([request, seconds, 2 * patience]).encode() + b"\n"
        slow = f"takes longer than {seconds} s"
        with self._turn:
            process, channel = self._running()
            try:
                reply = _exchanged(channel, line, time.monotonic() + patience)
            except TimeoutError:
                self.stop()
                raise Unanswered(slow) from None
            except ConnectionError:
                self.stop()
                ended = process.returncode == -signal.SIGPROF
                raise Unanswered(slow if ended else "ended its process") from None
            except BaseException:
                self.stop()
                raise
        answered, content = json.loads(reply)
        if not answered:
            raise Unanswered(content)
        return content

    def _running(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        process, channel = self._process, self._channel
        if process is not None and channel is not None and _is_silent(channel):
            return process, channel
        self.stop()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = subprocess.Popen(
                    [
                        *(sys.executable, "-P", "-S", str(_WORKER)),
                        *(str(MEMORY_BYTES), str(self._file)),
                        *filter(None, sys.path),
                    ],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is the caller's
                )
            except BaseException:
                ours.close()
                raise
        self._process, self._channel = process, ours
        return process, ours

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        if process is not None:
            process.kill()
            process.wait()

    def forget(self) -> None:
        """Begin anew, as a child after a fork must: the process is its parent's."""
        if self._process is not None:
            self._process.returncode = 0  # not to be waited for here
        self._turn = threading.Lock()
        self._process = None
        self.stop()


def _is_silent(channel: socket.socket) -> bool:
    """Whether the other side is there and has nothing to say.

    `Popen.poll` would tell too, but Ctrl-C in it may let `Popen.wait` wait for ever.
    """
    channel.setblocking(False)
    try:
        channel.recv(1, socket.MSG_PEEK)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False


def _exchanged(channel: socket.socket, line: bytes, end: float) -> bytearray:
    """The line that answers a line.

    Raises
    ------
    TimeoutError
        When it does not come before `end`.
    ConnectionError
        When the process ends before.
    """
    _wait_until(end, channel)
    channel.sendall(line, socket.MSG_NOSIGNAL)
    reply = bytearray()
    while not reply.endswith(b"\n"):
        _wait_until(end, channel)
        part = channel.recv(1 << 16)
        if not part:
            raise ConnectionResetError
        reply += part
    return reply


def _wait_until(end: float, channel: socket.socket) -> None:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    channel.settimeout(left)


def _forget_all() -> None:
    for each in _ALL:
        each.forget()


def _stop_all() -> None:
    for each in _ALL:
        each.stop()


os.register_at_fork(after_in_child=_forget_all)
atexit.register(_stop_all)
