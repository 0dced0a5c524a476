"""How many blocks of memory a step takes from malloc after warm-up, by size and caller.

A process of its own runs under LD_PRELOAD with `allocations.c`, which counts every call
of malloc and its kin in the process. The gradient step, the zeroing of gradients and
the AdamW update are counted apart. Writes `results/<date>-allocations.json`.

    python python/benchmarks/allocations.py [--threads 1 2] [--layers 30]

With a module that is not stripped, `--callers` prints who asked, innermost first.
"""

from __future__ import annotations

import argparse
import bisect
import collections
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import process
import recording

SOURCE = Path(__file__).with_suffix(".c")
FRAMES = 12
CONFIG = {
    "model_type": "llama",
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}


def compiled(folder: Path) -> Path:
    """The counting library.

    Raises
    ------
    FileNotFoundError
        Without a C compiler.
    """
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise FileNotFoundError("no C compiler: none of cc, gcc, clang was found")
    library = folder / "allocations.so"
    command = [compiler, "-O1", "-shared", "-fPIC", str(SOURCE), "-o", str(library)]
    subprocess.run(command, check=True)
    return library


def measure(
    folder: Path, *, threads: int, layers: int, dtype: str = "float32"
) -> dict[str, Any]:
    """Blocks of each phase in a process of its own: their number, and by size."""
    options = ["--child", "--dtypes", dtype]
    options += ["--threads", str(threads), "--layers", str(layers)]
    finished = subprocess.run(
        [sys.executable, str(SOURCE.with_suffix(".py")), *options],
        env=os.environ | {"LD_PRELOAD": str(compiled(folder))},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(finished.stdout.splitlines()[-1])


class Counter:
    """The functions of `allocations.c` in this process."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL(None)
        self.library.allocations_stop.restype = ctypes.c_size_t
        self.library.allocations_read.restype = ctypes.c_size_t
        self.library.allocations_read.argtypes = [ctypes.c_size_t, ctypes.c_void_p]

    def count(self, phase: Callable[[], Any]) -> dict[str, Any]:
        """Run a phase once uncounted, then count it five times: the smallest count.

        A thread allocates its buffers when it first takes part, and on a busy machine
        it may miss the first runs.
        """
        phase()
        return min((self._count(phase) for _ in range(5)), key=lambda run: run["count"])

    def _count(self, phase: Callable[[], Any]) -> dict[str, Any]:
        self.library.allocations_start()
        phase()
        count = self.library.allocations_stop()
        frames = (ctypes.c_void_p * FRAMES)()
        sizes: collections.Counter[int] = collections.Counter()
        callers: collections.Counter[tuple[int, ...]] = collections.Counter()
        for index in range(count):
            size = self.library.allocations_read(index, frames)
            sizes[size] += 1
            callers[(size, *(frame or 0 for frame in frames))] += 1
        return {
            "count": count,
            "sizes": dict(sorted(sizes.items())),
            "callers": callers,
        }


def phases(threads: int, layers: int, dtype: str) -> dict[str, dict[str, Any]]:
    """Count the three parts of a Vaccine step on a small model."""
    import vaccine_swift as vs
    from vaccine_swift import _core

    vs.set_num_threads(threads)
    config = CONFIG | {"num_hidden_layers": layers}
    model = vs.CausalLM.from_config(config, seed=0, dtype=dtype)
    model.add_adapter(vs.LoRAConfig(r=4, lora_alpha=4, lora_dropout=0.1), seed=0)
    optimiser = _core.AdamW(model._model, 0.9, 0.999, 1e-8, 0.1)
    ids = list(range(1, 40))
    batch = vs.Batch.pack([vs.Example(ids, ids), vs.Example(ids[:9], ids[:9])])
    integers = (batch.input_ids, batch.labels, batch.offsets)
    options = {"perturbation": "worst", "rho": 2.0, "weight": 1.0}

    def step() -> None:
        model._model.forward_backward(*integers, **options, seed=0, stream=0)

    counter = Counter()
    return {
        "step": counter.count(step),
        "zero_gradients": counter.count(model._model.zero_gradients),
        "update": counter.count(lambda: optimiser.step(model._model, 1e-3, 1.0)),
    }


def describe(callers: collections.Counter[tuple[int, ...]]) -> list[str]:
    """Lines of count, size and the module's functions on the stack."""
    from vaccine_swift import _core

    module = str(_core.__file__)
    maps = Path("/proc/self/maps").read_text().splitlines()
    base = min(int(line.split("-")[0], 16) for line in maps if module in line)
    listed = subprocess.run(
        ["nm", "--defined-only", module], capture_output=True, text=True, check=False
    )
    names = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    symbols = sorted((int(place, 16), name) for place, _, name in names)
    places = [place for place, _ in symbols]
    size_of_module = places[-1] if places else 0
    lines: collections.Counter[str] = collections.Counter()
    for (size, *frames), count in callers.items():
        inside = [f - base for f in frames if 0 <= f - base <= size_of_module]
        found = [symbols[bisect.bisect_right(places, place) - 1][1] for place in inside]
        lines[f"{size} bytes: {' < '.join(found)}"] += count
    return [f"{count} x {line}" for line, count in lines.most_common()]


def main() -> None:
    """Count, write the results file, print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--layers", type=int, default=30)
    dtypes = ("float32", "bfloat16")
    parser.add_argument("--dtypes", nargs="+", choices=dtypes, default=dtypes)
    parser.add_argument("--callers", action="store_true", help="print who asked")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        found = phases(arguments.threads[0], arguments.layers, arguments.dtypes[0])
        for name, phase in found.items():
            for line in describe(phase.pop("callers")) if arguments.callers else []:
                print(f"{name}: {line}")
            phase.pop("callers", None)
        process.report(found)
        return
    results = recording.heading() | {"layers": arguments.layers, "runs": {}}
    with tempfile.TemporaryDirectory() as folder:
        for dtype in arguments.dtypes:
            for threads in arguments.threads:
                run = measure(
                    Path(folder), threads=threads, layers=arguments.layers, dtype=dtype
                )
                results["runs"][f"{dtype}, {threads} threads"] = run
                print(dtype, threads, run)
    recording.save(results, "allocations")


if __name__ == "__main__":
    main()
