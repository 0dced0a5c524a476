"""SIGTERM as a kind of Ctrl-C: work stops at a sound point, files stay whole.

Before work has begun either ends the process.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any, Final

__all__ = [
    "STATUS",
    "Terminated",
    "end_at_interrupts",
    "interrupts_end",
    "termination_interrupts",
]

STATUS: Final = 128 + signal.SIGTERM
"""Exit status, 143, as shells report it."""


class Terminated(KeyboardInterrupt, SystemExit):
    """The process was told to end (SIGTERM); it exits with 143 if nobody catches."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.code = STATUS


@contextlib.contextmanager
def termination_interrupts() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` while the block runs.

    A handler that someone else has set stays; outside of the main thread, where Python
    delivers no signals, nothing changes.
    """
    own = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if own:
        signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        if own:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def interrupts_end() -> Iterator[None]:
    """Let Ctrl-C end the process at once, without a traceback, while the block runs.

    For a program that is still starting: there is nothing to save. A handler that
    someone else has set stays, and so does Ctrl-C that is ignored.
    """
    own = end_at_interrupts()
    try:
        yield
    finally:
        if own:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def end_at_interrupts() -> bool:
    """Let Ctrl-C end the process from now on; False where a handler stays."""
    own = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if own:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return own


def _raise(number: int, frame: Any) -> None:
    raise Terminated
