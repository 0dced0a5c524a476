"""One Vaccine step on a 7B-shaped Q4_0 file: time, memory, share of the GEMM peak.

Llama 2's shape, five rows of 602 tokens together. Without a file one is written first
(3.8 GB) and deleted afterwards. The peak is numpy's on the same threads. Prints the
figures and writes `results/<date>-llama-step.json`.

    python python/benchmarks/llama_step.py [llama-7b.Q4_0.gguf] [--threads 2]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import llama_shaped
import recording
import workload
from run import child

BATCH = 3
"""Of the workload's: the one of 602 tokens, 375 of them supervised."""


def figures(run: dict[str, Any], peak: float) -> dict[str, Any]:
    """What one process of `engine_side.py` did in its only step."""
    batch = workload.batches(llama_shaped.VOCABULARY)[BATCH]
    operations = workload.step_flops(
        run["block_parameters"],
        run["tail_parameters"],
        run["head_parameters"],
        batch,
        passes=2,
    )
    (seconds,), (busy,) = run["step_seconds"], run["processor_seconds"]
    return {
        "tokens": workload.tokens(batch),
        "supervised": workload.supervised(batch),
        "load_seconds": run["load_seconds"],
        "first_step_starts_seconds": run["first_step_starts_seconds"],
        "step_seconds": seconds,
        "processor_seconds": busy,
        "tokens_per_second": workload.tokens(batch) / seconds,
        "operations": operations,
        "gflops": operations / seconds / 1e9,
        "share_of_peak": operations / seconds / 1e9 / peak,
        "peak_gb": run["peak_mib"] * 2**20 / 1e9,
        "loss": run["losses"][0],
    }


def measure(path: Path, threads: int) -> dict[str, Any]:
    """The machine's products, then the step."""
    with path.open("rb") as file:  # into the page cache
        while file.read(1 << 24):
            pass
    rates = child("gemm.py", "numpy", threads=threads)
    options = ["--dtype", "gguf", "--first", str(BATCH), "--steps", "1"]
    run = child("engine_side.py", str(path), *options, threads=threads)
    return {"gemm_gflops": rates} | figures(run, max(rates.values()))


def main() -> None:
    """Measure, write the results file, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?", help="of llama_shaped.py")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    results = recording.heading() | {"threads": arguments.threads}
    with tempfile.TemporaryDirectory() as directory:
        path = arguments.model
        if path is None:
            path = Path(directory) / "llama-7b.Q4_0.gguf"
            llama_shaped.write(path, 32)
        results |= {"file_gb": path.stat().st_size / 1e9}
        results |= measure(path, arguments.threads)
    for name, value in results.items():
        if isinstance(value, (int, float)):
            print(f"{name}: {value:.4g}")
    recording.save(results, "llama-step")


if __name__ == "__main__":
    main()
