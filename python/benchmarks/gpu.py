"""Vaccine and plain steps of a 7B Llama on a GPU: the torch engine and authors' hooks.

Weights are random, of Llama 2 7B's shape; batches and adapter are those of `make bench`
(`workload.py`). Each side runs in a process of its own, in turn (`gpu_side.py`). Prints
the table of `make bench` and writes `results/<date>-gpu.json`. Where torch sees no GPU
it says so and writes nothing; on ``--device cpu`` it runs with ``--shape tiny``.

    python python/benchmarks/gpu.py [--repeats 2] [--checkpointing] [--layers 32]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import gpu_side
import recording
import run
import torch
import workload
from table import print_table

SIDES = {"torch engine": "ours", "authors' hooks": "authors"}


def measured(
    options: list[str], vocabulary: int, *, repeats: int, threads: int
) -> dict[str, Any]:
    """Every side and method, each as often as asked, in turn."""
    runs: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for _ in range(repeats):
        for method in run.PASSES:
            for name, side in SIDES.items():
                result = run.child(
                    "gpu_side.py", side, "--method", method, *options, threads=threads
                )
                runs.setdefault(method, {}).setdefault(name, []).append(result)
    every = [
        each for by in runs.values() for results in by.values() for each in results
    ]
    peak = max(each["peak_gflops"] for each in every)
    dtype = options[options.index("--dtype") + 1]
    methods = {
        method: {
            name: run.figures(results, threads, vocabulary)
            for name, results in by_side.items()
        }
        for method, by_side in runs.items()
    }
    for method, by_side in methods.items():
        operations = run.operations(every[0], run.PASSES[method], vocabulary)
        for side in by_side.values():
            side["gflops"] = operations / side["seconds"] / 1e9
            side["share_of_peak"] = side["gflops"] / peak
    return {
        "device": every[0]["device"],
        "peak_gflops": {dtype: peak},
        "methods": methods,
    }


def main() -> None:
    """Measure, write the results file, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--shape", choices=gpu_side.SHAPES, default="7b")
    parser.add_argument("--layers", type=int, help="fewer than the shape has")
    parser.add_argument(
        "--checkpointing", action="store_true", help="keep the layers' inputs alone"
    )
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=recording.RESULTS)
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("skipped: torch sees no GPU")
        return
    config = gpu_side.configuration(arguments.shape, arguments.layers)
    options = ["--device", arguments.device, "--dtype", arguments.dtype]
    options += ["--shape", arguments.shape]
    options += ["--layers", str(config["num_hidden_layers"])]
    options += ["--checkpointing"] * arguments.checkpointing
    batches = workload.batches(config["vocab_size"])
    results = recording.heading() | {
        "model": f"Llama, {arguments.shape}, {config['num_hidden_layers']} layers",
        "rivals": ["authors' hooks"],
        "threads": arguments.threads,
        "checkpointing": arguments.checkpointing,
        "batches": [run.described(batch) for batch in batches],
    }
    results |= measured(
        options,
        config["vocab_size"],
        repeats=arguments.repeats,
        threads=arguments.threads,
    )
    print_table(results)
    recording.save(results, "gpu", folder=arguments.output)


if __name__ == "__main__":
    main()
