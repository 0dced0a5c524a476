"""A Vaccine step on random models of known shapes: this package against PyTorch.

Five rows of 602 tokens together, one step, each side in a process of its own: the file
in Q4_0 with `dtype="float32"` and `dtype="gguf"`, and the authors' trainer on a random
model of the same shape in float32. Useful tokens per second are real tokens / time.
llama-2-7b has no rival, it would take 30 GB; its share of the GEMM peak is told
instead. Files are written first (3.8 GB for 7B) and deleted afterwards, unless there is
a folder to keep them in. Prints the figures and adds the model to
`results/<date>-shaped.json`.

    python python/benchmarks/shaped_step.py qwen2.5-0.5b [--threads 2] [--files FOLDER]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import recording
import shaped
import workload
from rich.console import Console
from rich.table import Table
from run import child

BATCH = 3
"""Of the workload's: the one of 602 tokens, 375 of them supervised."""
LARGE = "llama-2-7b"


def figures(run: dict[str, Any], batch: list[workload.Sequence]) -> dict[str, Any]:
    """What one process did in its only step."""
    (seconds,), (busy,) = run["step_seconds"], run["processor_seconds"]
    told = {
        "tokens_per_second": workload.tokens(batch) / seconds,
        "step_seconds": seconds,
        "processor_seconds": busy,
        "load_seconds": run["load_seconds"],
        "peak_gb": run["peak_mib"] * 2**20 / 1e9,
        "loss": run["losses"][0],
        "versions": run["versions"],
    }
    if "block_parameters" in run:
        operations = workload.step_flops(
            run["block_parameters"],
            run["tail_parameters"],
            run["head_parameters"],
            batch,
            passes=2,
        )
        told["gflops"] = operations / seconds / 1e9
        told["first_step_starts_seconds"] = run["first_step_starts_seconds"]
    return told


def measure(name: str, folder: Path, threads: int) -> dict[str, Any]:
    """The machine's products and all sides."""
    shape = shaped.SHAPES[name]
    path, directory = folder / f"{name}.Q4_0.gguf", folder / name
    if not path.exists():
        shaped.write(path, shape)
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text(json.dumps(shape.config()))
    with path.open("rb") as file:  # into the page cache
        while file.read(1 << 24):
            pass
    batch = workload.batches(shape.vocabulary)[BATCH]
    only = ["--first", str(BATCH), "--steps", "1"]
    rates = child("gemm.py", "numpy", threads=threads)
    commands = {"gguf": ["engine_side.py", str(path), "--dtype", "gguf"]}
    if name != LARGE:
        commands["float32"] = ["engine_side.py", str(path)]
        commands["torch float32"] = ["torch_side.py", str(directory)]
    sides = {}
    for side, command in commands.items():
        sides[side] = figures(child(*command, *only, threads=threads), batch)
        if "gflops" in sides[side]:
            share = sides[side]["gflops"] / max(rates.values())
            sides[side]["share_of_peak"] = share
    return {
        "file_gb": path.stat().st_size / 1e9,
        "tokens": workload.tokens(batch),
        "supervised": workload.supervised(batch),
        "gemm_gflops": rates,
        "sides": sides,
    }


def print_table(name: str, model: dict[str, Any]) -> None:
    """One row for each side, compared with torch."""
    rival = model["sides"].get("torch float32")
    table = Table(
        *("side", "tokens/s", "of torch", "peak, GB", "of torch", "of the GEMM peak"),
        *("load, s", "step, s"),
        title=f"{name}, {model['tokens']} tokens",
    )
    for side, told in model["sides"].items():
        speed, peak = told["tokens_per_second"], told["peak_gb"]
        share = told.get("share_of_peak")
        table.add_row(
            side,
            f"{speed:.1f}",
            f"{speed / rival['tokens_per_second']:.2f}" if rival else "",
            f"{peak:.2f}",
            f"{peak / rival['peak_gb']:.2f}" if rival else "",
            f"{share:.0%}" if share else "",
            f"{told['load_seconds']:.1f}",
            f"{told['step_seconds']:.1f}",
        )
    Console(width=100).print(table)


def main() -> None:
    """Measure, write the results file, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=shaped.SHAPES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--files", type=Path, help="where the files stay")
    arguments = parser.parse_args()
    results = recording.continued("shaped", threads=arguments.threads)
    with tempfile.TemporaryDirectory() as directory:
        folder = arguments.files or Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        found = measure(arguments.model, folder, arguments.threads)
    found["command"] = results["command"]
    results["models"] = results.get("models", {}) | {arguments.model: found}
    print_table(arguments.model, found)
    recording.save(results, "shaped")


if __name__ == "__main__":
    main()
