"""Watched workers: one that dies or hangs is a finding, and another goes on."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Finding", "Total", "run"]

WORKER = ["-m", "fuzz.worker"]
PATIENCE = 10.0
"""Seconds of the processor that one case may take."""
STANDSTILL = 6
"""So many times longer it may take by the clock: others are at work, too."""
STARTING = 180.0
TESTS = Path(__file__).parent.parent / "tests"


@dataclass(frozen=True)
class Finding:
    """What a case did, and how to see it again: the kind and the seed."""

    kind: str
    seed: int
    what: str
    trace: str = ""


@dataclass
class Total:
    """What was run."""

    cases: int = 0
    calls: int = 0
    called: Counter[str] = field(default_factory=Counter)
    """How often each function and kind of file, of workers that came to their end."""


def run(
    kind: str,
    first: int,
    *,
    count: int,
    seconds: float,
    report: Callable[[Finding], None],
) -> Total:
    """Run cases of one kind from a seed on, in one process at a time."""
    end, total = time.monotonic() + seconds, Total()
    seed, last = first, first + count
    while seed < last and time.monotonic() < end:
        seed = _worker(kind, seed, last, end, total, report)
    return total


def _worker(
    kind: str,
    first: int,
    last: int,
    end: float,
    total: Total,
    report: Callable[[Finding], None],
) -> int:
    """One worker until it ends in whichever way; the seed to go on from."""
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_memory()) as folder:
        place, output = Path(folder) / "place", Path(folder) / "findings"
        place.write_bytes(struct.pack("<QQQ", first, 0, 2))
        path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
        environment = os.environ | {"PYTHONPATH": path, "TMPDIR": folder}
        command = [sys.executable, *WORKER, kind]
        command += [str(first), "1", str(last), str(place)]
        with (
            output.open("wb") as findings,
            (Path(folder) / "errors").open("wb") as errors,
        ):
            worker = subprocess.Popen(
                command, stdout=findings, stderr=errors, env=environment
            )
            how = _wait(worker, place, end)
        seed, calls, state = struct.unpack("<QQQ", place.read_bytes())
        for line in output.read_text().splitlines():
            said = json.loads(line)
            if "called" in said:
                total.called.update(said["called"])
            else:
                report(Finding(**said))
        total.calls += calls
        total.cases += seed - first
        if how:
            trace = (Path(folder) / "errors").read_text(errors="replace")[-4000:]
            report(Finding(kind, seed, how if state != 2 else f"start: {how}", trace))
        return seed + 1 if state != 2 else last


def _wait(worker: subprocess.Popen[bytes], place: Path, end: float) -> str:
    """Wait for the worker's end; how it ended where that is a finding."""
    known, since, used = b"", time.monotonic(), 0.0
    while worker.poll() is None:
        time.sleep(0.05)
        now, content = time.monotonic(), place.read_bytes()
        if content != known:
            known, since, used = content, now, _processor_seconds(worker.pid)
        patience = STARTING if content[16] == 2 else PATIENCE
        if now > end and content[16] != 2:
            worker.kill()
            worker.wait()
            return ""
        worked = _processor_seconds(worker.pid) - used
        if worked > patience or now - since > STANDSTILL * patience:
            worker.send_signal(signal.SIGABRT)
            worker.wait()
            return f"no end after {patience:.0f} s"
    if worker.returncode < 0:
        return f"ended by {signal.Signals(-worker.returncode).name}"
    return "" if worker.returncode == 0 else f"exit status {worker.returncode}"


def _memory() -> str | None:
    """A folder in memory, where there is one: a disk takes most of a case's time."""
    folder = "/dev/shm"
    return folder if os.access(folder, os.W_OK) else None


def _processor_seconds(process: int) -> float:
    """What a process has used of the processors; 0 where it is gone."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return 0.0
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
