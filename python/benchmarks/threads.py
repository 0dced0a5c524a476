"""How a Vaccine step gains from threads: this package alone, a process for each count.

The first steps of `workload.py`; a step counts at its fastest of the repeats. Prints
useful tokens per second and writes `results/<date>-threads.json`. Where two cores share
no cache, data that crosses is dear: so the time in which a line does, before each run,
is written down as well.

    python python/benchmarks/threads.py [--threads 1 2] [--repeats 3]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import recording
import workload
from roofline import compiled, line_transfer
from run import DTYPES, VOCABULARY, child

from vaccine_swift.assets import fetch_smollm2

STEPS = 5


def main() -> None:
    """Measure, write the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count()])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    results = recording.heading() | {"steps": STEPS, "runs": {}}
    timed = slice(workload.WARMUP_STEPS, STEPS)
    tokens = sum(map(workload.tokens, workload.batches(VOCABULARY)[timed]))
    options = [str(fetch_smollm2()), "--steps", str(STEPS), "--dtype"]
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(Path(folder))
    for dtype in DTYPES:
        for threads in arguments.threads:
            runs, transfers = [], []
            for _ in range(arguments.repeats):
                transfers.append(line_transfer(library))
                run = child("engine_side.py", *options, dtype, threads=threads)
                runs.append(run)
            fastest = {
                clock: sum(
                    map(min, zip(*(run[clock][timed] for run in runs), strict=True))
                )
                for clock in ("step_seconds", "processor_seconds")
            }
            figures = {
                "useful_tokens_per_second": tokens / fastest["step_seconds"],
                "tokens_per_processor_second": tokens / fastest["processor_seconds"],
                "step_seconds": [run["step_seconds"] for run in runs],
                "processor_seconds": [run["processor_seconds"] for run in runs],
                "line_transfer_nanoseconds": transfers,
            }
            results["runs"][f"{dtype}, {threads} threads"] = figures
            print(dtype, threads, figures)
    recording.save(results, "threads")


if __name__ == "__main__":
    main()
