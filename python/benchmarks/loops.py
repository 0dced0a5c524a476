"""Each function of `drift` against the loop or the numpy expression that one writes.

Both sides in one process, in turn, on the same arrays, with the same threads for the
BLAS of numpy and for the core; the time is the least of the repeats. Results are
compared, so that both compute the same. Writes `results/<date>-loops.json` and, with
`--page`, the table of `docs/coming_from.md`. On a busy machine take processor time.

    python python/benchmarks/loops.py [--threads 1 --clock processor] [--page]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import loop_cases
import loops_page
import recording

import vaccine_swift as vs

CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def least(
    work: Callable[[], Any], seconds: float, clock: Callable[[], float]
) -> tuple[float, Any]:
    """The least time of repeats that take about `seconds`, and a result.

    Five repeats or more, two where one takes longer than a second.
    """
    times: list[float] = []
    result = None
    while sum(times) < seconds or len(times) < (2 if max(times) > 1 else 5):
        begin = clock()
        result = work()
        times.append(clock() - begin)
    return min(times), result


def main() -> None:
    """Measure every case, compare, write the results file and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each side")
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    parser.add_argument("--only", nargs="*", help="names of cases")
    parser.add_argument("--page", action="store_true", help="write the docs' table")
    parser.add_argument("--dry-run", action="store_true", help="write no file")
    arguments = parser.parse_args()
    threads = str(arguments.threads)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    if any(os.environ.get(name) != threads for name in names):
        # numpy's BLAS asks for them once, when it is loaded.
        command = [sys.executable, *sys.argv]
        os.execve(sys.executable, command, os.environ | dict.fromkeys(names, threads))
    vs.set_num_threads(arguments.threads)
    clock = CLOCKS[arguments.clock]
    results = recording.heading() | {"threads": arguments.threads}
    results |= {"clock": arguments.clock, "cases": {}}
    for case in loop_cases.cases():
        if arguments.only and case.name not in arguments.only:
            continue
        theirs, expected = least(case.loop, arguments.seconds, clock)
        ours, found = least(case.ours, arguments.seconds, clock)
        difference = abs(float(found) - float(expected))
        agreed = difference <= case.tolerance * max(abs(float(expected)), 1e-12)
        results["cases"][case.name] = {
            "loop": case.what,
            "function": case.function,
            "shape": case.shape,
            "loop_seconds": theirs,
            "our_seconds": ours,
            "ratio": theirs / ours,
            "loop_value": float(expected),
            "our_value": float(found),
            "compared": case.tolerance < float("inf"),
        }
        print(f"{case.name:28} {theirs:10.3g} s {ours:10.3g} s  {theirs / ours:6.2f}")
        if not agreed:
            raise SystemExit(f"{case.name}: {found} and {expected} differ")
    if not arguments.dry_run:
        recording.save(results, "loops")
    if arguments.page:
        loops_page.write(results)


if __name__ == "__main__":
    main()
