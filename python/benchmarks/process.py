"""What a benchmarked process says about itself: memory, processor, result line."""

from __future__ import annotations

import json
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEBIBYTE = 1024.0


def memory(field: str) -> float:
    """`VmHWM` (peak resident) or `VmRSS` (resident now) of this process in MiB."""
    status = Path("/proc/self/status").read_text()
    match = re.search(rf"{field}:\s+(\d+) kB", status)
    if match is None:
        raise ValueError(f"field must be in /proc/self/status, got {field!r}")
    return int(match[1]) / MEBIBYTE


def machine() -> dict[str, Any]:
    """Processor, cores, memory and system, for the results file."""
    info = Path("/proc/cpuinfo").read_text()
    total = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    models = re.findall(r"model name\s*: (.*)", info)
    flags = re.search(r"flags\s*: (.*)", info)
    known = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16")
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": len(models),
        "family": re.findall(r"cpu family\s*: (\d+)", info)[:1],
        "features": [f for f in known if flags and f in flags[1].split()],
        "memory_gib": round(int(total[1]) / MEBIBYTE**2, 1) if total else None,
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def timed(generate: Callable[[], list[list[int]]], repeats: int) -> dict[str, Any]:
    """Seconds of each repeat after an untimed call, and the tokens of the last."""
    generate()
    seconds, busy, tokens = [], [], []
    for _ in range(repeats):
        begin, begin_busy = time.perf_counter(), time.process_time()
        tokens = generate()
        seconds.append(time.perf_counter() - begin)
        busy.append(time.process_time() - begin_busy)
    return {
        "seconds": seconds,
        "processor_seconds": busy,
        "tokens": tokens,
        "peak_mib": memory("VmHWM"),
    }


def report(result: dict[str, Any]) -> None:
    """Print the result as one line of JSON, the last line of standard output."""
    print(json.dumps(result), flush=True)
