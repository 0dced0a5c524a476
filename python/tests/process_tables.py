"""What the system tells of processes and of their descriptors."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def _state_and_parent(number: int | str) -> tuple[str, int]:
    """X and 0 where there is none."""
    try:
        text = Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def children() -> list[int]:
    """Processes of this one, those that ended and were not waited for too."""
    numbers = [
        int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()
    ]
    return [each for each in numbers if _state_and_parent(each)[1] == os.getpid()]


def descriptors() -> list[int]:
    """Those of this process, without the one that the list is read by."""
    links = list(Path("/proc/self/fd").iterdir())
    return sorted(int(each.name) for each in links if each.is_symlink())


def is_there(number: int) -> bool:
    return _state_and_parent(number)[0] not in "ZX"


def wait_until_gone(number: int) -> None:
    end = time.monotonic() + 60
    while is_there(number):
        assert time.monotonic() < end, "the process does not end"
        time.sleep(0.02)


def python_within(mebibytes: int, folder: Path) -> str:
    """The path of an interpreter whose address space is limited from its start."""
    path = folder / "python"
    path.write_text(
        f'#!/bin/sh\nulimit -v {mebibytes << 10}\nexec "{sys.executable}" "$@"\n'
    )
    path.chmod(0o755)
    return str(path)
