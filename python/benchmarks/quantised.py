"""Weights in GGUF blocks against the same file in float32: a Vaccine step, generation.

Each side runs in a process of its own, in turn. Speeds are of processor time too, so
that a machine that others use as well gives figures; compare those on one thread. With
the interpreter of an environment that has llama-cpp-python, llama.cpp generates from
the same file. Prints a table and writes `results/<date>-quantised.json`.

    python python/benchmarks/quantised.py [model.gguf] [--threads 1] [--steps 3]
        [--llama llama/bin/python]
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

from vaccine_swift._plurals import counted
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
    """Of the fastest call: new tokens a second, and a second of processor time."""
    tokens = count * workload.NEW_TOKENS
    return {
        "tokens_per_second": tokens / min(min(run["seconds"]) for run in runs),
        "tokens_per_processor_second": tokens
        / min(min(run["processor_seconds"]) for run in runs),
        "peak_gb": max(run["peak_mib"] for run in runs) * 2**20 / 1e9,
    }


def measure(
    path: str, *, threads: int, steps: int, repeats: int, llama: str | None
) -> dict[str, dict[str, Any]]:
    """All figures of all sides; llama.cpp only generates."""
    figures: dict[str, dict[str, Any]] = {dtype: {} for dtype in DTYPES}
    if steps > 0:
        command = ["engine_side.py", path, "--steps", str(steps)]
        for dtype in DTYPES:
            runs = [
                child(*command, "--dtype", dtype, threads=threads)
                for _ in range(repeats)
            ]
            figures[dtype]["step"] = step_figures(runs)
    for count in workload.BATCHES:
        options = [path, "--batch", str(count), "--repeats", "1"]
        generated: dict[str, list[dict[str, Any]]] = {}
        for _ in range(repeats):
            for dtype in DTYPES:
                command = ["generation_engine_side.py", *options, "--dtype", dtype]
                run = child(*command, threads=threads)
                generated.setdefault(dtype, []).append(run)
            if llama is not None:
                command = ["generation_llama_side.py", *options]
                run = child(*command, threads=threads, python=llama)
                generated.setdefault(f"llama.cpp {_version(run)}", []).append(run)
        for name, runs in generated.items():
            side = figures.setdefault(name, {})
            side[str(count)] = generation_figures(runs, count)
    return figures


def _version(run: dict[str, Any]) -> str:
    return f"by llama-cpp-python {run['versions']['llama_cpp_python']}"


def print_table(results: dict[str, Any]) -> None:
    """One row for each side."""
    table = Table(
        *("dtype", "step, processor s", "peak, GB", "load, s"),
        *(f"{counted(count, 'prompt')}, tokens/s" for count in workload.BATCHES),
        *(f"{count}, a processor s" for count in workload.BATCHES),
        title=f"{results['model']}, {counted(results['threads'], 'thread')}, "
        f"{results['date']}",
    )
    for dtype, side in results["sides"].items():
        step = side.get("step")
        table.add_row(
            dtype,
            f"{step['processor_seconds']:.2f}" if step else "",
            f"{step['peak_gb']:.3f}" if step else "",
            f"{step['load_seconds']:.2f}" if step else "",
            *(
                f"{side[str(count)][name]:.0f}"
                for name in ("tokens_per_second", "tokens_per_processor_second")
                for count in workload.BATCHES
            ),
        )
    Console(width=100).print(table)


def main() -> None:
    """Measure, write the results file, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?", help="default: SmolLM2-135M")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3, help="0: generation alone")
    parser.add_argument("--repeats", type=int, default=1, help="processes of each side")
    parser.add_argument(
        "--llama", metavar="PYTHON", help="an interpreter that has llama-cpp-python"
    )
    arguments = parser.parse_args()
    path = arguments.model or fetch_smollm2()
    results = recording.heading() | {"model": path.name, "threads": arguments.threads}
    results["sides"] = measure(
        str(path),
        threads=arguments.threads,
        steps=arguments.steps,
        repeats=arguments.repeats,
        llama=arguments.llama,
    )
    print_table(results)
    recording.save(results, "quantised")


if __name__ == "__main__":
    main()
