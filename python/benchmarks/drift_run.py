"""Drift: this package against alibi-detect, numpy and what the machine can do.

Each side runs in a process of its own, in turn, with the same threads and the same
arrays (`drift_cases.py`). Prints a table and writes `results/<date>-drift.json`.

    python python/benchmarks/drift_run.py [--threads 2] [--rivals .venv-rivals]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import recording
from drift_cases import CASES, PERMUTATIONS
from drift_table import print_table

HERE = Path(__file__).resolve().parent
# Work, side, case, repeats: short work counts at its fastest of many.
RUNS = [
    ("mmd", "ours", "A", 5),
    ("mmd", "numpy", "A", 5),
    ("mmd", "alibi", "A", 1),
    ("mmd", "ours", "B", 1),
    ("mmd", "numpy", "B", 1),
    ("light", "ours", "B", 20),
    ("light", "sum", "B", 20),
    ("full", "ours", "B", 3),
    ("full", "gemm", "B", 5),
]


def child(python: str, work: str, side: str, case: str, **options: int) -> Any:
    """Run a side and return what it reports."""
    command = [python, str(HERE / "drift_side.py"), work, side, case]
    command += [
        word for name, value in options.items() for word in (f"--{name}", str(value))
    ]
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(options["threads"]))
    finished = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(finished.stdout.splitlines()[-1])


def figures(runs: dict[str, Any]) -> dict[str, Any]:
    """The ratios of the package's figures to those it is measured against."""

    def least(name: str) -> float:
        return min(runs[name]["seconds"])

    def memory(name: str) -> float:
        return runs[name]["peak_above_data_mib"]

    n, d = CASES["B"]
    # Of three products n·d², two are symmetric: one triangle is needed of each.
    ours = 2 * 2 * n * d**2 / least("full ours B")
    told = {
        "numpy's time / ours, A": least("mmd numpy A") / least("mmd ours A"),
        "numpy's time / ours, B": least("mmd numpy B") / least("mmd ours B"),
        "MMD above the data, B, MiB": memory("mmd ours B"),
        "light, share of a plain sum's bandwidth": least("light sum B")
        / least("light ours B"),
        "full, share of dgemm's rate": ours / (2 * n * d**2 / least("full gemm B")),
        "full, time of three dgemm / ours": 3
        * least("full gemm B")
        / least("full ours B"),
    }
    if "mmd alibi A" in runs:
        told |= {
            "alibi-detect's time / ours, A": least("mmd alibi A") / least("mmd ours A"),
            "our memory / alibi-detect's, A": memory("mmd ours A")
            / memory("mmd alibi A"),
        }
    return told


def main() -> None:
    """Measure, write the results file, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rivals", type=Path, help="environment with alibi-detect")
    parser.add_argument("--output", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    results = recording.heading() | {"threads": arguments.threads}
    runs = {}
    for work, side, case, repeats in RUNS:
        python = sys.executable
        if side == "alibi":
            if arguments.rivals is None:
                continue
            python = str(arguments.rivals / "bin" / "python")
        runs[f"{work} {side} {case}"] = child(
            python, work, side, case, threads=arguments.threads, repeats=repeats
        )
    results |= {
        "permutations": PERMUTATIONS,
        "cases": CASES,
        "runs": runs,
        "figures": figures(runs),
    }
    print_table(results)
    recording.save(results, "drift", folder=arguments.output)


if __name__ == "__main__":
    main()
