"""Vaccine and plain steps on SmolLM2-135M: this package against PyTorch.

Each side runs in a process of its own, in turn, with the same threads and the same
batches (`workload.py`). Useful tokens per second are real tokens / time; padding earns
nothing. Prints a table and writes `results/<date>-smollm2.json`.

    python python/benchmarks/run.py [--threads 2] [--repeats 2] [--rivals ...] [--avx2]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import instructions
import recording
import workload
from table import print_table

import vaccine_swift as vs
from vaccine_swift.assets import fetch_smollm2

HERE = Path(__file__).resolve().parent
VOCABULARY = 49152
PASSES = {"vaccine": 2, "sft": 1}
DTYPES = ("float32", "bfloat16")
RIVALS = {
    "torch float32": ["--dtype", "float32"],
    "torch autocast": ["--dtype", "autocast"],
    "torch bfloat16": ["--dtype", "bfloat16"],
}
# Needs `pip install jax`; each compiles for minutes.
JAX = {f"jax {dtype}": ["--dtype", dtype] for dtype in ("float32", "bfloat16")}
COMPILED = {
    f"{name} compiled": [*options, "--compile"] for name, options in RIVALS.items()
}


def child(
    script: str, *arguments: str, threads: int, python: str = sys.executable
) -> dict[str, Any]:
    """Run a script of this folder and return what it reports."""
    command = [python, str(HERE / script), *arguments]
    command += ["--threads", str(threads)]
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    finished = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(finished.stdout.splitlines()[-1])


def figures(
    results: list[dict[str, Any]], threads: int, vocabulary: int = VOCABULARY
) -> dict[str, Any]:
    """Throughput with each step at the fastest of its repeats; the largest memory.

    `processor_share` is processor time / (time · threads) of those steps: below about
    0.9, other processes took the cores and the figures mean little.
    """
    first = workload.WARMUP_STEPS
    timed = workload.batches(vocabulary)[first:]
    repeats = [
        list(zip(r["step_seconds"], r["processor_seconds"], strict=True))[first:]
        for r in results
    ]
    fastest = [min(step) for step in zip(*repeats, strict=True)]
    seconds = [step[0] for step in fastest]
    busy = sum(step[1] for step in fastest)
    return {
        "useful_tokens_per_second": sum(map(workload.tokens, timed)) / sum(seconds),
        "median_step_seconds": statistics.median(seconds),
        "peak_mib": max(result["peak_mib"] for result in results),
        "seconds": sum(seconds),
        "processor_share": busy / sum(seconds) / threads,
        "runs": results,
    }


def measure(
    gguf: Path,
    directory: Path,
    *,
    threads: int,
    repeats: int,
    rivals: dict[str, list[str]],
    methods: list[str],
) -> dict[str, Any]:
    """Run everything in turn; the rival reads the same weights from `directory`."""
    sides = [
        (dtype, "engine_side.py", [str(gguf), "--dtype", dtype])
        for dtype in instructions.precisions(DTYPES)
    ]
    sides += [
        (name, f"{name.split()[0]}_side.py", [str(directory), *options])
        for name, options in rivals.items()
    ]
    runs: dict[str, dict[str, list[dict[str, Any]]]] = {}
    gemm: dict[str, dict[str, float]] = {}
    for _ in range(repeats):
        able = instructions.precisions(DTYPES)
        for library, dtype in (("numpy", "float32"), *(("torch", d) for d in able)):
            rates = child("gemm.py", library, "--dtype", dtype, threads=threads)
            known = gemm.setdefault(f"{library} {dtype}", rates)
            known |= {shape: max(rate, known[shape]) for shape, rate in rates.items()}
        for method in methods:
            for name, script, options in sides:
                result = child(script, *options, "--method", method, threads=threads)
                runs.setdefault(method, {}).setdefault(name, []).append(result)
    measured = {
        method: {name: figures(results, threads) for name, results in by_side.items()}
        for method, by_side in runs.items()
    }
    peaks = {
        dtype: max(max(rates.values()) for name, rates in gemm.items() if dtype in name)
        for dtype in instructions.precisions(DTYPES)
    }
    for method, by_side in measured.items():
        _add_share_of_peak(by_side, PASSES[method], peaks)
    return {"gemm_gflops": gemm, "peak_gflops": peaks, "methods": measured}


def _add_share_of_peak(
    by_side: dict[str, Any], passes: int, peaks: dict[str, float]
) -> None:
    needed = operations(by_side["float32"]["runs"][0], passes)
    for name, side in by_side.items():
        side["gflops"] = needed / side["seconds"] / 1e9
        dtype = "float32" if "float32" in name else "bfloat16"
        if dtype in peaks:
            side["share_of_peak"] = side["gflops"] / peaks[dtype]


def operations(
    counts: dict[str, Any], passes: int, vocabulary: int = VOCABULARY
) -> float:
    """What the timed steps cannot avoid, by the parameters that a side counted."""
    return sum(
        workload.step_flops(
            counts["block_parameters"],
            counts["tail_parameters"],
            counts["head_parameters"],
            batch,
            passes=passes,
        )
        for batch in workload.batches(vocabulary)[workload.WARMUP_STEPS :]
    )


def described(batch: list[workload.Sequence]) -> dict[str, int]:
    """The size of a batch, for the results file."""
    return {
        "tokens": workload.tokens(batch),
        "padded_tokens": workload.padded_tokens(batch),
        "supervised": workload.supervised(batch),
    }


def main() -> None:
    """Measure, write the results file, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--rivals",
        nargs="+",
        choices=[*RIVALS, *COMPILED, *JAX],
        default=[*RIVALS],
        help="torch.compile and JAX take minutes before their first step",
    )
    parser.add_argument(
        "--repeats", type=int, default=2, help="a step counts at its fastest"
    )
    parser.add_argument("--methods", nargs="+", choices=PASSES, default=[*PASSES])
    parser.add_argument("--output", type=Path, default=HERE / "results")
    instructions.add_option(parser)
    arguments = parser.parse_args()
    kind = instructions.chosen(arguments)
    gguf = fetch_smollm2()
    rivals = {name: (RIVALS | COMPILED | JAX)[name] for name in arguments.rivals}
    results = recording.heading() | {
        "threads": arguments.threads,
        "batches": [described(batch) for batch in workload.batches(VOCABULARY)],
    }
    with tempfile.TemporaryDirectory() as directory:
        vs.CausalLM.from_pretrained(gguf).save_pretrained(directory)
        results |= measure(
            gguf,
            Path(directory),
            threads=arguments.threads,
            repeats=arguments.repeats,
            rivals=rivals,
            methods=arguments.methods,
        )
    recording.save(results, f"smollm2{kind}", folder=arguments.output)
    print_table(results)


if __name__ == "__main__":
    main()
