"""Greedy generation on SmolLM2-135M: this package against `transformers.generate`.

Each side runs in a process of its own, in turn, with the same threads, the same prompts
and the same number of new tokens, whatever they are: nothing ends early. The rival pads
on the left and keeps its cache. Prints a table and writes
`results/<date>-generation.json`.

With the interpreter of an environment that has llama-cpp-python, llama.cpp generates
from the same weights in the same precisions.

    python python/benchmarks/generation.py [--repeats 2] [--static] [--avx2]
        [--llama llama/bin/python]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import generation_workload as workload
import instructions
import recording
from rich.console import Console
from rich.table import Table
from run import DTYPES, HERE, child

import vaccine_swift as vs
from vaccine_swift._plurals import counted
from vaccine_swift.assets import fetch_smollm2

STATIC = ["--cache", "static"]


def figures(runs: list[dict[str, Any]], count: int, threads: int) -> dict[str, Any]:
    """Of several processes, the fastest run; the largest memory.

    `processor_share` is processor time / (time · threads) of that run: below about 0.9
    on our side, other processes took the cores and the figures mean little.
    """
    seconds, busy = min(
        pair
        for run in runs
        for pair in zip(run["seconds"], run["processor_seconds"], strict=True)
    )
    return {
        "tokens_per_second": count * workload.NEW_TOKENS / seconds,
        "seconds": seconds,
        "processor_share": busy / seconds / threads,
        "peak_mib": max(run["peak_mib"] for run in runs),
        "runs": [
            {key: value for key, value in run.items() if key != "tokens"}
            for run in runs
        ],
    }


def measure(
    gguf: Path,
    directory: Path,
    *,
    threads: int,
    repeats: int,
    static: bool,
    llama: str | None,
) -> dict[str, Any]:
    """Run everything in turn; transformers reads the same weights from `directory`."""
    sides = {
        dtype: ["generation_engine_side.py", str(gguf), "--dtype", dtype]
        for dtype in instructions.precisions(DTYPES)
    }
    for dtype in DTYPES:
        rival = ["generation_torch_side.py", str(directory), "--dtype", dtype]
        sides[f"transformers {dtype}"] = rival
        if static:
            sides[f"transformers {dtype} static"] = [*rival, *STATIC]
    if llama is not None:
        for dtype in instructions.precisions(DTYPES):
            side = ["generation_llama_side.py", str(gguf), "--dtype", dtype]
            sides[f"llama.cpp {dtype}"] = side
    batches = {}
    for count in workload.BATCHES:
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
        for _ in range(repeats):
            for name, command in sides.items():
                python = (llama or "") if "llama" in name else sys.executable
                command = [*command, "--batch", str(count)]
                runs[name].append(child(*command, threads=threads, python=python))
        first = {name: by_side[0]["tokens"] for name, by_side in runs.items()}
        pairs = zip(first["float32"], first["transformers float32"], strict=True)
        batches[str(count)] = {
            "same_continuations_in_float32": sum(a == b for a, b in pairs),
            "sides": {
                name: figures(by_side, count, threads) for name, by_side in runs.items()
            },
        }
    return batches


def best(sides: dict[str, Any]) -> float:
    """Tokens per second of the fastest configuration of transformers."""
    return max(
        side["tokens_per_second"]
        for name, side in sides.items()
        if name.startswith("transformers")
    )


def print_table(results: dict[str, Any]) -> None:
    """One row for each batch and side, compared with the rival's best."""
    table = Table(
        *("prompts", "side", "tokens/s", "speed-up", "peak memory", "processor share"),
        title=f"SmolLM2-135M, {counted(results['threads'], 'thread')}, "
        f"{results['date']}",
    )
    for count, batch in results["batches"].items():
        rival = best(batch["sides"])
        for name, side in batch["sides"].items():
            table.add_row(
                count,
                name,
                f"{side['tokens_per_second']:.1f}",
                f"{side['tokens_per_second'] / rival:.2f} x",
                f"{side['peak_mib'] / 1024:.2f} GiB",
                f"{side['processor_share']:.0%}",
            )
    Console(width=100).print(table)


def main() -> None:
    """Measure, write the results file, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2, help="processes of each side")
    parser.add_argument(
        "--static", action="store_true", help="the rival's static cache as well"
    )
    parser.add_argument(
        "--llama", metavar="PYTHON", help="an interpreter that has llama-cpp-python"
    )
    parser.add_argument("--output", type=Path, default=HERE / "results")
    instructions.add_option(parser)
    arguments = parser.parse_args()
    kind = instructions.chosen(arguments)
    results = recording.heading() | {"threads": arguments.threads}
    gguf = fetch_smollm2()
    with tempfile.TemporaryDirectory() as directory:
        vs.CausalLM.from_pretrained(gguf).save_pretrained(directory)
        batches = measure(
            gguf,
            Path(directory),
            threads=arguments.threads,
            repeats=arguments.repeats,
            static=arguments.static,
            llama=arguments.llama,
        )
    results |= {
        "load_average_after": os.getloadavg()[0],
        "new_tokens": workload.NEW_TOKENS,
        "batches": batches,
    }
    print_table(results)
    recording.save(results, f"generation{kind}", folder=arguments.output)


if __name__ == "__main__":
    main()
