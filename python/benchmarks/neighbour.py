"""What a busy process on one of the cores costs a Vaccine step: this package, PyTorch.

The first steps of `workload.py` on all threads, in turn alone and beside a process that
computes without pause on the last core; a step counts at its median of the repeats.
Prints the share of speed that is lost and writes `results/<date>-neighbour.json`.

    python python/benchmarks/neighbour.py [--threads 2] [--repeats 3] [--avx2]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import instructions
import recording
import workload
from run import DTYPES, child

import vaccine_swift as vs
from vaccine_swift.assets import fetch_smollm2

STEPS = 4
BUSY = """
import os
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
while True:
    pass
"""


@contextlib.contextmanager
def busy_core() -> Iterator[None]:
    """A process that takes what it can get of the last core."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        try:
            yield
        finally:
            process.kill()


def step_seconds(command: list[str], threads: int) -> list[float]:
    """Times of the steps after the warm-up."""
    seconds = child(*command, "--steps", str(STEPS), threads=threads)["step_seconds"]
    return seconds[workload.WARMUP_STEPS :]


def main() -> None:
    """Measure, write the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    instructions.add_option(parser)
    arguments = parser.parse_args()
    kind = instructions.chosen(arguments)
    results: dict[str, Any] = recording.heading() | {"steps": STEPS, "sides": {}}
    with tempfile.TemporaryDirectory() as directory:
        gguf = fetch_smollm2()
        vs.CausalLM.from_pretrained(gguf).save_pretrained(directory)
        sides = {
            dtype: ["engine_side.py", str(gguf), "--dtype", dtype]
            for dtype in instructions.precisions(DTYPES)
        }
        sides["torch float32"] = ["torch_side.py", str(Path(directory))]
        for name, command in sides.items():
            alone, beside = [], []
            for _ in range(arguments.repeats):
                alone.append(step_seconds(command, arguments.threads))
                with busy_core():
                    beside.append(step_seconds(command, arguments.threads))
            before, after = (
                sum(map(statistics.median, zip(*runs, strict=True)))
                for runs in (alone, beside)
            )
            results["sides"][name] = {
                "lost_speed": 1 - before / after,
                "seconds_alone": alone,
                "seconds_beside": beside,
            }
            print(f"{name}: {1 - before / after:.0%} of the speed is lost")
    recording.save(results, f"neighbour{kind}")


if __name__ == "__main__":
    main()
