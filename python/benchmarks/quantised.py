"""Weights in GGUF blocks against the same file in float32: a Vaccine step, generation.

Each side runs in a process of its own, in turn. Speeds are of processor time, so that
a machine that others use as well gives figures too; compare them on one thread.
Prints a table and writes `results/<date>-quantised.json`.

    python python/benchmarks/quantised.py [model.gguf] [--threads 1] [--steps 3]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import generation_workload as workload
import recording
from rich.console import Console
from rich.table import Table
from run import child

from vaccine_swift.assets import fetch_smollm2

DTYPES = ("float32", "gguf")


def step_figures(runs: list[dict[str, Any]]) -> dict[str, float]:
    """The fastest of the steps, the largest memory, and the first loss."""
    return {
        "processor_seconds": min(min(run["processor_seconds"]) for run in runs),
        "load_seconds": min(run["load_seconds"] for run in runs),
        "peak_gb": max(run["peak_mib"] for run in runs) * 2**20 / 1e9,
        "first_loss": runs[0]["losses"][0],
    }


def generation_figures(runs: list[dict[str, Any]], count: int) -> dict[str, float]:
    """Of the fastest call: new tokens for a second of processor time."""
    seconds = min(min(run["processor_seconds"]) for run in runs)
    return {"tokens_per_processor_second": count * workload.NEW_TOKENS / seconds}


def measure(
    path: str, *, threads: int, steps: int, repeats: int
) -> dict[str, dict[str, Any]]:
    """All figures of both sides."""
    works: dict[str, list[str]] = {
        "step": ["engine_side.py", path, "--steps", str(steps)]
    }
    for count in workload.BATCHES:
        works[str(count)] = [
            "generation_engine_side.py",
            path,
            *("--batch", str(count), "--repeats", "1"),
        ]
    figures: dict[str, dict[str, Any]] = {dtype: {} for dtype in DTYPES}
    for name, command in works.items():
        runs: dict[str, list[dict[str, Any]]] = {dtype: [] for dtype in DTYPES}
        for _ in range(repeats):
            for dtype in DTYPES:
                runs[dtype].append(child(*command, "--dtype", dtype, threads=threads))
        for dtype in DTYPES:
            figures[dtype][name] = (
                step_figures(runs[dtype])
                if name == "step"
                else generation_figures(runs[dtype], int(name))
            )
    return figures


def print_table(results: dict[str, Any]) -> None:
    """One row for each side."""
    table = Table(
        *("dtype", "step, processor s", "peak, GB", "load, s"),
        *(f"{count} prompts, tokens/s" for count in workload.BATCHES),
        title=f"{results['model']}, {results['threads']} threads, {results['date']}",
    )
    for dtype, side in results["sides"].items():
        step = side["step"]
        table.add_row(
            dtype,
            f"{step['processor_seconds']:.2f}",
            f"{step['peak_gb']:.3f}",
            f"{step['load_seconds']:.2f}",
            *(
                f"{side[str(count)]['tokens_per_processor_second']:.0f}"
                for count in workload.BATCHES
            ),
        )
    Console(width=100).print(table)


def main() -> None:
    """Measure, write the results file, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?", help="default: SmolLM2-135M")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1, help="processes of each side")
    arguments = parser.parse_args()
    path = arguments.model or fetch_smollm2()
    results = recording.heading() | {"model": path.name, "threads": arguments.threads}
    results["sides"] = measure(
        str(path),
        threads=arguments.threads,
        steps=arguments.steps,
        repeats=arguments.repeats,
    )
    print_table(results)
    recording.save(results, "quantised")


if __name__ == "__main__":
    main()
