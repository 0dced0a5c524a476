"""One side of the drift benchmark, in a process of its own: time, memory, result.

    python python/benchmarks/drift_side.py mmd ours A --threads 2

Memory is the peak above what the process held with the data loaded. Of the side of
alibi-detect nothing of this package is imported; it has an interpreter of its own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import drift_cases
import numpy as np
import process
from drift_cases import PERMUTATIONS, ROWS_PER_PROMPT, Rows

Work = Callable[[], dict[str, Any]]


def mmd_ours(x: Rows, y: Rows, threads: int) -> Work:
    """`drift.mmd`."""
    import vaccine_swift as vs
    from vaccine_swift import drift

    vs.set_num_threads(threads)

    def run() -> dict[str, Any]:
        result = drift.mmd(x, y, permutations=PERMUTATIONS)
        return {"statistic": result.statistic, "p_value": result.p_value}

    return run


def mmd_numpy(x: Rows, y: Rows, threads: int) -> Work:
    """The same algorithm in numpy; its BLAS takes the threads of the environment."""
    return lambda: drift_cases.numpy_mmd(x, y, PERMUTATIONS)


def mmd_alibi(x: Rows, y: Rows, threads: int) -> Work:
    """alibi-detect's `MMDDrift` on torch: the fit of x, and the test of y."""
    import torch
    from alibi_detect.cd import MMDDrift

    torch.set_num_threads(threads)

    def run() -> dict[str, Any]:
        detector = MMDDrift(x, backend="pytorch", n_permutations=PERMUTATIONS)
        told = detector.predict(y)["data"]
        return {"statistic": float(told["distance"]), "p_value": float(told["p_val"])}

    return run


def light_ours(x: Rows, y: Rows, threads: int) -> Work:
    """An update of the light tier, all rows at once."""
    return _update("light", x, y, threads)


def light_sum(x: Rows, y: Rows, threads: int) -> Work:
    """The sum of both arrays by numpy, a part for each thread."""
    parts = [part for side in (x, y) for part in np.array_split(side, threads)]
    pool = ThreadPoolExecutor(threads)
    return lambda: {"sum": float(sum(pool.map(np.sum, parts)))}


def full_ours(x: Rows, y: Rows, threads: int) -> Work:
    """An update of the full tier, all rows at once."""
    return _update("full", x, y, threads)


def full_gemm(x: Rows, y: Rows, threads: int) -> Work:
    """Xᵀ·Y in double precision through numpy's BLAS, of rows that are converted."""
    a, b = x.astype(np.float64), y.astype(np.float64)
    result = np.empty((x.shape[1], x.shape[1]))
    return lambda: {"corner": float(np.matmul(a.T, b, out=result)[0, 0])}


def _update(tier: str, x: Rows, y: Rows, threads: int) -> Work:
    import vaccine_swift as vs
    from vaccine_swift import drift

    vs.set_num_threads(threads)
    ids = np.arange(len(x)) // ROWS_PER_PROMPT

    def run() -> dict[str, Any]:
        accumulator = drift.Accumulator(width=x.shape[1], tier=tier)
        accumulator.update(x, y, ids=ids)
        return {"prompts": accumulator.prompts}

    return run


SIDES = {
    ("mmd", "ours"): mmd_ours,
    ("mmd", "numpy"): mmd_numpy,
    ("mmd", "alibi"): mmd_alibi,
    ("light", "ours"): light_ours,
    ("light", "sum"): light_sum,
    ("full", "ours"): full_ours,
    ("full", "gemm"): full_gemm,
}


def main() -> None:
    """Run one side and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", choices=sorted({work for work, _ in SIDES}))
    parser.add_argument("side", choices=sorted({side for _, side in SIDES}))
    parser.add_argument("case", choices=sorted(drift_cases.CASES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    x, y = drift_cases.sets(arguments.case)
    run = SIDES[arguments.work, arguments.side](x, y, arguments.threads)
    loaded = process.memory("VmRSS")
    seconds, busy = [], []
    for _ in range(arguments.repeats):
        begin, begin_busy = time.perf_counter(), time.process_time()
        result = run()
        seconds.append(time.perf_counter() - begin)
        busy.append(time.process_time() - begin_busy)
    process.report(
        {
            "seconds": seconds,
            "processor_seconds": busy,
            "data_mib": (x.nbytes + y.nbytes) / 2**20,
            "peak_above_data_mib": process.memory("VmHWM") - loaded,
            "result": result,
        }
    )


if __name__ == "__main__":
    main()
