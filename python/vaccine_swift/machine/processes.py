"""Processes by what tells them from all others, of this and of other machines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ["is_gone", "process_identity"]

_PROC: Final = Path("/proc")
_STATE: Final = 0
_THREADS: Final = 17
_STARTED: Final = 19
"""Places in ``/proc/PID/stat`` after the name."""


def process_identity(number: int) -> list[str]:
    """The machine since its start, the space of process numbers, number and start.

    Parameters
    ----------
    number : int
        Of a process of this machine.

    Returns
    -------
    list of str
        Empty where ``/proc`` does not tell.
    """
    fields = _fields(number)
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        space = str((_PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        return []
    return [boot, space, str(number), fields[_STARTED]] if fields else []


def is_gone(identity: Sequence[str]) -> bool:
    """Whether a process is known to be dead: False for one of another machine.

    Parameters
    ----------
    identity : sequence of str
        As `process_identity` gave it, on any machine.
    """
    here = process_identity(os.getpid())
    if not here or list(identity[:2]) != here[:2]:
        return False
    fields = _fields(int(identity[2]))
    if not fields or fields[_STARTED] != identity[3]:
        return True
    # A killed process holds its files until its last thread has ended.
    return fields[_STATE] in "ZX" and int(fields[_THREADS]) <= 1


def _fields(number: int) -> list[str]:
    """``/proc/PID/stat`` after the name, which may hold anything; empty if gone."""
    try:
        text = (_PROC / str(number) / "stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
