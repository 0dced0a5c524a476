"""A bar is seen on every terminal, and leaves room for what is said beside it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import sys
import termios

import pytest

from vaccine_swift._progress_bar import ProgressBar
from vaccine_swift.drift.watch import Watch
from vaccine_swift.training.progress import _BAR

TOLD = "loss 6.134, clean 2.884, lr 1.0e-03, 191 tokens/s"


def shown(columns: int | None) -> str:
    """The last line of a bar on a terminal of so many columns; None: in a pipe."""
    ours, theirs = pty.openpty() if columns is not None else os.pipe()
    if columns is not None:
        size = struct.pack("HHHH", 24 if columns else 0, columns, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    with os.fdopen(theirs, "w") as file:
        bar = ProgressBar(file=file, total=100, bar_format=_BAR)
        bar.set_postfix_str(TOLD, refresh=False)
        bar.update(50)
        bar.close()
        file.flush()
        printed = b""
        while not printed.endswith(b"\n"):
            printed += os.read(ours, 100_000)
    os.close(ours)
    return printed.decode().rstrip("\r\n").rpartition("\r")[2]


@pytest.mark.parametrize("columns", [0, 80, 81, 200, None])
def test_words_beside_a_bar_are_whole(columns: int | None) -> None:
    line = shown(columns)
    assert line.startswith("50/100 |")
    assert line.rstrip().endswith(TOLD)
    assert len(line) < {0: 80, None: 100}.get(columns, columns)


def test_bar_has_ten_columns_or_what_words_leave() -> None:
    bars = {columns: shown(columns).split("|")[1] for columns in (80, 85, 300)}
    assert bars[300] == bars[85] == "█████     "
    assert 1 <= len(bars[80]) < 10


def test_narrow_terminal_gets_a_line_of_its_width() -> None:
    assert len(shown(30)) <= 30


@pytest.mark.parametrize("total", [1.0, 20.0, None])
def test_long_measurements_are_seen_on_a_terminal_without_a_width(
    total: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
    with os.fdopen(theirs, "w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        watch = Watch(progress=True)
        assert watch.stage("reading", total, unit="row") is not None
        file.flush()
        assert select.select([ours], [], [], 5)[0], "nothing was shown"
        assert b"reading" in os.read(ours, 100_000)
        watch.close()
    os.close(ours)
