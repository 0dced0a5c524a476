"""A mapped file's handler of faults leaves those of others as they were."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FOREIGN = """
import ctypes, faulthandler, mmap, os, signal, sys
import numpy as np
path = sys.argv[1]

def own():
    from vaccine_swift import _core
    with open(path, "wb") as file:
        file.write(bytes(65536))
    mapped = np.asarray(_core.MappedFile(path))
    os.truncate(path, 100)
    assert mapped.sum() == 0
    try:
        _core.check_mapped(mapped)
    except OSError:
        return
    sys.exit("no error")

def other():
    with open(path + "2", "w+b") as file:
        file.write(bytes(65536))
        file.flush()
        memory = mmap.mmap(file.fileno(), 65536)
        os.truncate(path + "2", 100)
        memory[40000]

handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda number: os._exit(42))
def install():
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    libc.signal(signal.SIGBUS, ctypes.cast(handler, ctypes.c_void_p))
"""


def foreign(tmp_path: Path, steps: str) -> int:
    """How a process ends that takes these steps."""
    script = FOREIGN + "\n".join(steps.split("; "))
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "file")],
        stderr=subprocess.PIPE,
        timeout=60 * float(os.environ.get("VACCINE_PATIENCE", "1")),
        check=False,
    )
    assert ended.stderr.count(b"Fatal Python error") <= 1
    return ended.returncode


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("own(); own()", 0),
        ("own(); other()", -signal.SIGBUS),
        ("own(); os.kill(os.getpid(), signal.SIGBUS)", -signal.SIGBUS),
        ("faulthandler.enable(); own(); other()", -signal.SIGBUS),
        ("own(); faulthandler.enable(); own(); own()", 0),
        ("own(); faulthandler.enable(); own(); other()", -signal.SIGBUS),
        ("own(); faulthandler.enable(); own(); faulthandler.disable(); own()", 0),
        (
            "faulthandler.enable(); own(); faulthandler.disable(); own(); other()",
            -signal.SIGBUS,
        ),
        (
            "for _ in range(20): faulthandler.enable(), own(), faulthandler.disable()",
            0,
        ),
        ("install(); own(); other()", 42),
        ("own(); install(); own(); other()", 42),
        ("for _ in range(20): install(), own()\nother()", -signal.SIGBUS),
        (
            "own(); signal.signal(signal.SIGBUS, signal.SIG_IGN); own(); other()",
            -signal.SIGBUS,
        ),
        (
            "signal.signal(7, signal.SIG_IGN); own(); os.kill(os.getpid(), 7)",
            0,
        ),
    ],
)
def test_other_faults_go_where_they_went(
    tmp_path: Path, steps: str, expected: int
) -> None:
    assert foreign(tmp_path, steps) == expected
