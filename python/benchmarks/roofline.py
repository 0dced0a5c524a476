"""The machine's limits, and where the kernels of a Vaccine step stand below them.

Limits: multiply-adds in registers (float32, bfloat16) and STREAM's triad, for each
number of threads, best of several wall-clock timings (`machine_limits.c`). Kernels: the
samples that `perf record` takes of `engine_side.py` on one thread, by function, as
shares of its processor time; operations and bytes follow from the shapes. The module
must not be stripped: build it with `"-Xlinker", "--strip-all"` taken out of
Package.swift. Writes `results/<date>-roofline.json` and a figure.

    python python/benchmarks/roofline.py [--threads 1 2] [--no-kernels]
"""

from __future__ import annotations

import argparse
import collections
import ctypes
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import recording
import workload

from vaccine_swift import _core
from vaccine_swift.assets import fetch_smollm2

SOURCE = recording.HERE / "machine_limits.c"
DTYPES = ("float32", "bfloat16")
# Short timings, many of them: some meet no other process.
ROUNDS, FLOATS, REPEATS = 1_000_000, 1 << 23, 200
VOCABULARY, STEPS = 49152, 4
# SmolLM2-135M: hidden, feed-forward, layers, query heads, key/value heads, head size.
C, F, L, H, K, D = 576, 1536, 30, 9, 3, 64
# The first pattern that a function's name matches says what it does.
KERNELS = {
    "products": r"(some|few|more)_rows|^turned$",
    "packing": r"product|pack|pairs|to_bfloat16",
    "low rank": r"project|expand|outer|dropout|Dropout",
    "softmax": r"attention|Attention|softmax|exponentiate|largest|3dot",
    "SwiGLU": r"swiGLU|SwiGLU|GatedActivation",
    "rotary": r"rotat",
    "norms": r"rmsNorm|normalise",
    "loss": r"crossEntropy",
    "copies": r"Matrix.*(copy|fill|add)",
}


def compiled(folder: Path) -> ctypes.CDLL:
    """The functions of `machine_limits.c`."""
    compiler = shutil.which("cc") or "clang"
    library = folder / "machine_limits.so"
    flags = ["-O2", "-march=native", "-shared", "-fPIC"]
    command = [compiler, *flags, str(SOURCE), "-o", str(library)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


def line_transfer(library: ctypes.CDLL) -> float:
    """Nanoseconds in which a line that one thread wrote reaches another; best of 5."""
    rounds, best = 20_000, float("inf")
    for _ in range(5):
        turn = ctypes.c_int(0)
        begin = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            for thread in range(2):
                arguments = (ctypes.byref(turn), thread, ctypes.c_size_t(rounds))
                pool.submit(library.limit_transfer, *arguments)
        best = min(best, time.perf_counter() - begin)
    return best / (2 * rounds) * 1e9


def limits(threads: int, folder: Path) -> dict[str, float]:
    """GFLOP/s of multiply-adds and GB/s of the triad, over all threads."""
    library = compiled(folder)
    arrays = [np.ones(3 * FLOATS // threads + 16, np.float32) for _ in range(threads)]

    def rate(name: str, worker_arguments: list[tuple[Any, ...]]) -> float:
        function = getattr(library, f"limit_{name}")
        function.restype = ctypes.c_double
        best = 0.0
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(REPEATS):
                begin = time.perf_counter()
                done = sum(pool.map(lambda a: function(*a), worker_arguments))
                best = max(best, done / (time.perf_counter() - begin) / 1e9)
        return best

    rounds = [(ctypes.c_size_t(ROUNDS),)] * threads
    triad = []
    for array in arrays:
        start = array.ctypes.data + -array.ctypes.data % 64
        part = FLOATS // threads
        places = [ctypes.c_void_p(start + 4 * part * index) for index in range(3)]
        triad.append((*places, ctypes.c_size_t(part)))
    return {name: rate(name, rounds) for name in DTYPES} | {
        "triad": rate("triad", triad)
    }


def kernel_seconds(dtype: str, folder: Path) -> dict[str, float]:
    """Processor seconds of a mean step by kernel.

    What the steps took is shared out by the samples: a virtual machine may lose some.
    Samples outside the module (loading, Python, page faults) do not count.
    """
    data = folder / "perf.data"
    side = [sys.executable, str(recording.HERE / "engine_side.py")]
    side += [str(fetch_smollm2()), "--threads", "1", "--dtype", dtype]
    record = ["perf", "record", "--freq", "199", "--output", str(data), *side]
    ran = subprocess.run(
        [*record, "--steps", str(STEPS)], check=True, stdout=subprocess.PIPE, text=True
    )
    total = sum(json.loads(ran.stdout.splitlines()[-1])["processor_seconds"])
    script = ["perf", "script", "--input", str(data), "--fields", "ip,sym,dso"]
    output = subprocess.run(script, check=True, stdout=subprocess.PIPE, text=True)
    found: collections.Counter[str] = collections.Counter()
    for line in output.stdout.splitlines():
        match = re.match(r"\s*\S+ (.*) \((.*)\)$", line)
        if match is None or Path(str(_core.__file__)).name not in match[2]:
            continue
        known = (name for name, part in KERNELS.items() if re.search(part, match[1]))
        found[next(known, "other")] += 1
    scale = total / found.total() / STEPS
    return {name: count * scale for name, count in found.most_common()}


def work(dtype: str) -> dict[str, tuple[float, float]]:
    """Operations and compulsory bytes of a mean Vaccine step, by kernel.

    Bytes are what a kernel must read and write if caches held nothing between kernels
    and everything within one.
    """
    operations: collections.Counter[str] = collections.Counter()
    moved: collections.Counter[str] = collections.Counter()
    weight = 2 if dtype == "bfloat16" else 4
    maps = [(C, (H + 2 * K) * D), (H * D, C), (C, 2 * F), (F, C)]
    adapted = [(C, H * D), (C, K * D), (C, K * D), (H * D, C), (C, F), (C, F), (F, C)]
    batches = workload.batches(VOCABULARY)[:STEPS]

    def add(kernel: str, flops: float, size: float) -> None:
        operations[kernel] += flops / len(batches)
        moved[kernel] += size / len(batches)

    for batch in batches:
        # Nothing needs the last token of a sequence.
        lengths = [len(sequence.input_ids) - 1 for sequence in batch]
        tokens, supervised = sum(lengths), workload.supervised(batch)
        squares = sum(length * length for length in lengths)
        for layer, (rows, columns) in itertools.product(range(L), maps):
            # After the last attention only supervised tokens count.
            late = layer == L - 1 and (rows, columns) != maps[0]
            count = supervised if late else tokens
            size = weight * rows * columns + 4 * count * (rows + columns)
            # Passes, forward and backward.
            add("products", 2 * 2 * 2 * count * rows * columns, 2 * 2 * size)
        for _ in range(2 * 2):
            size = weight * VOCABULARY * C + 4 * supervised * (VOCABULARY + C)
            add("products", 2 * supervised * VOCABULARY * C, size)
        rank = workload.RANK
        for rows, columns in adapted:
            # Both passes: x to u, u to y, dy to du, du to dx; the second: both factors.
            flops = tokens * 2 * rank * (2 * 2 * (rows + columns) + rows + columns)
            reads = 4 * tokens * (2 * (rows + 2 * columns + columns + 2 * rows))
            reads += 4 * tokens * (rows + columns)
            add("low rank", L * flops, L * reads)
        # 2 products forward and 5 backward over half a square, twice.
        qkv = (H + 2 * K) * D
        add("products", L * 2 * 7 * D * H * squares, L * 2 * 4 * tokens * 4 * qkv)
        # Forward once, and from the kept sums once more with the gradient.
        elements = L * 2 * H * squares / 2
        add("softmax", elements * (22 + 24), elements * (8 + 16))
        # Forward in both passes and again for the weights, backward in both.
        elements = L * tokens * F
        add("SwiGLU", elements * (3 * 20 + 2 * 28), elements * (3 * 12 + 2 * 20))
        elements = L * 4 * tokens * (H + K) * D
        add("rotary", elements * 3, elements * 8)
        elements = L * 4 * tokens * C
        add("norms", elements * (2 * 4 + 6), elements * (2 * 8 + 16))
    return {name: (operations[name], moved[name]) for name in operations}


def draw(results: dict[str, Any]) -> None:
    """Rooflines of one thread, with each kernel at its intensity and speed."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
    limit = results["limits"]["1"]
    intensity = np.logspace(-1.5, 3, 200)
    for dtype in DTYPES:
        colour = recording.COLOURS[dtype]
        roof = np.minimum(limit[dtype], intensity * limit["triad"])
        axis.plot(intensity, roof, color=colour, linewidth=1)
        kernels = results["kernels"][dtype]
        for name, kernel in kernels.items():
            if "gflops" not in kernel:
                continue
            place = (kernel["operations"] / kernel["bytes"], kernel["gflops"])
            axis.plot(*place, "o", color=colour, markersize=5)
            axis.annotate(
                name,
                place,
                textcoords="offset points",
                xytext=(6, -3 if dtype == "float32" else 4),
                fontsize=8,
                color=colour,
            )
        axis.plot([], [], "o-", color=colour, label=dtype)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="operations per byte that must move",
        ylabel="GFLOP/s on one thread",
    )
    axis.legend(frameon=False, loc="lower right")
    recording.IMAGES.mkdir(parents=True, exist_ok=True)
    figure.savefig(recording.IMAGES / "roofline.png", dpi=110)


def main() -> None:
    """Measure limits and kernels, write the results file and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=[*DTYPES])
    parser.add_argument("--no-kernels", action="store_true", help="the limits alone")
    arguments = parser.parse_args()
    results = recording.continued("roofline")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for threads in arguments.threads:
            measured = limits(threads, folder)
            known = results.setdefault("limits", {}).setdefault(str(threads), measured)
            known |= {name: max(rate, known[name]) for name, rate in measured.items()}
            print(threads, known)
        for dtype in () if arguments.no_kernels else arguments.dtypes:
            seconds = kernel_seconds(dtype, folder)
            table = {name: {"seconds": time} for name, time in seconds.items()}
            for name, (operations, size) in work(dtype).items():
                took = seconds[name] + seconds.get("packing", 0) * (name == "products")
                table[name] |= {
                    "operations": operations,
                    "bytes": size,
                    "gflops": operations / took / 1e9,
                }
            results.setdefault("kernels", {})[dtype] = table
            for name, row in table.items():
                print(dtype, name, row)
    recording.save(results, "roofline")
    if set(results.get("kernels", {})) == set(DTYPES):
        draw(results)


if __name__ == "__main__":
    main()
