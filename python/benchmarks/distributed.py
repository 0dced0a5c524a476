"""Data-parallel training: bytes and time on two processes, and what more would reach.

SmolLM2-135M with the batches of `workload.py`, Vaccine and SFT, on one process and on
two that `mpirun` starts on this machine, each with the same number of threads. Timed
are the whole step, the wait for the slower rank (a barrier before each sum) and the
sums themselves.

The table for 8 to 256 ranks is on paper. A step of `rows` rows on R ranks takes ::

    seconds(R) = compute · max(1 / R, 1 / rows) + 2 (R - 1) / R · bytes / bandwidth
                 + calls · 2 ⌈log2 R⌉ · latency

that of a ring for the gradient, and of a tree for each of the small sums. `compute` is
measured for SmolLM2 on one process, and grows with the parameters for the 1B and 7B
Llamas, whose bytes are those of the same adapter. A rank is as fast as that process, or
`FASTER` times so, as a server is.

Writes `results/<date>-distributed.json`. Methods can be measured apart and are put
together in one file.

    python python/benchmarks/distributed.py [--threads 1] [--methods vaccine] [--smoke]
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import recording
import workload

import vaccine_swift as vs
from vaccine_swift.assets import fetch_smollm2
from vaccine_swift.distributed import Alone, DataParallelEngine
from vaccine_swift.training.optimiser import Optimiser

METHODS = {"vaccine": vs.Vaccine(workload.RHO), "sft": vs.SFT()}
RANKS = (8, 16, 32, 64, 128, 256)
GIGABITS = (1, 10, 100)
LATENCY = 50e-6
FASTER = (1, 64)
ROWS = 256
# Parameters, and trained numbers of rank 8 on all seven projections.
MODELS = {
    "SmolLM2 135M": (134_515_008, 2_442_240),
    "Llama 3.2 1B": (1_235_814_400, 5_636_096),
    "Llama 2 7B": (6_738_415_616, 19_988_480),
}
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]


class Timed:
    """A collective that counts and times what passes through it."""

    def __init__(self, collective: Any) -> None:
        self._collective = collective
        self.rank, self.size = collective.rank, collective.size
        self.reset()

    def reset(self) -> None:
        """Begin to count."""
        self.bytes = self.calls = 0
        self.waiting = self.summing = 0.0

    def allreduce(self, array: np.ndarray) -> None:
        """Wait for all, then sum."""
        began = time.perf_counter()
        self._collective.barrier()
        met = time.perf_counter()
        self._collective.allreduce(array)
        self.summing += time.perf_counter() - met
        self.waiting += met - began
        self.bytes += array.nbytes
        self.calls += 1

    def barrier(self) -> None:
        """Wait for all."""
        self._collective.barrier()


def adapted(*, smoke: bool) -> vs.CausalLM:
    """SmolLM2, or a tiny model, with the workload's adapter."""
    if smoke:
        model = vs.CausalLM.from_config(vs.tiny_config(max_position_embeddings=512))
    else:
        model = vs.CausalLM.from_pretrained(fetch_smollm2())
    adapter = vs.LoRAConfig(
        r=workload.RANK,
        lora_alpha=workload.ALPHA,
        lora_dropout=workload.DROPOUT,
        target_modules=list(workload.TARGETS),
    )
    model.add_adapter(adapter, seed=43)
    return model


def measured(collective: Any, method: vs.Method, *, smoke: bool) -> dict[str, Any]:
    """Medians over the steps of the workload, on this rank."""
    model = adapted(smoke=smoke)
    timed = Timed(collective)
    engine: Any = model.engine
    if timed.size > 1:
        engine = DataParallelEngine(model.engine, timed)
    optimiser = Optimiser(model, vs.TrainingArguments("unused"))
    optimiser.learning_rate = workload.LEARNING_RATE
    vocabulary = model.core.configuration["vocabulary_size"]
    steps = []
    for number, rows in enumerate(workload.batches(vocabulary)):
        batch = vs.Batch.pack(vs.Example(row.input_ids, row.labels) for row in rows)
        collective.barrier()
        timed.reset()
        began = time.perf_counter()
        engine.zero_gradients()
        model.forward_backward(batch, method, engine=engine, seed=43, stream=number)
        if timed.size > 1:
            engine.sum_gradients()
        optimiser.step()
        seconds = time.perf_counter() - began
        if number >= workload.WARMUP_STEPS:
            steps.append((seconds, timed.waiting, timed.summing))
    medians = [statistics.median(each) for each in zip(*steps, strict=True)]
    seconds, waiting, summing = medians
    return {
        "ranks": timed.size,
        "seconds": seconds,
        "seconds_waiting": waiting,
        "seconds_summing": summing,
        "bytes": timed.bytes,
        "calls": timed.calls,
    }


def on_paper(compute: float, numbers: int, calls: int) -> dict[str, Any]:
    """Speed-up over one rank of a batch of `ROWS` rows, by bandwidth and ranks.

    Parameters
    ----------
    compute : float
        Seconds of the batch on one rank.
    numbers : int
        Trained numbers, of 4 bytes.
    calls : int
        Small sums of a step.
    """
    result: dict[str, Any] = {}
    for gigabits in GIGABITS:
        speedups = {}
        for ranks in RANKS:
            ring = 2 * (ranks - 1) / ranks * 4 * numbers / (gigabits * 1e9 / 8)
            trees = calls * 2 * math.ceil(math.log2(ranks)) * LATENCY
            share = max(1 / ranks, 1 / ROWS)
            speedups[ranks] = compute / (compute * share + ring + trees)
        # Ranks at which a step sends as long as it computes.
        ring = 2 * 4 * numbers / (gigabits * 1e9 / 8)
        result[f"{gigabits} Gbit/s"] = {
            "speedup": speedups,
            "crossover_ranks": compute / ring,
        }
    return result


def worker(arguments: argparse.Namespace) -> None:
    """Measure on the ranks of mpirun; rank 0 prints."""
    from vaccine_swift.distributed.mpi import MPICollective

    collective = MPICollective()
    vs.set_num_threads(arguments.threads)
    found = {
        name: measured(collective, method, smoke=arguments.smoke)
        for name, method in METHODS.items()
        if name in arguments.methods
    }
    if collective.rank == 0:
        print(json.dumps(found))


def main() -> None:
    """Measure, work out the table, and write both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    parser.add_argument("--smoke", action="store_true", help="a tiny model, no file")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments)
        return
    if shutil.which("mpirun") is None:
        sys.exit("needs mpirun (Debian: openmpi-bin) and mpi4py")
    vs.set_num_threads(arguments.threads)
    settings = {"threads": arguments.threads, "rows": ROWS, "latency": LATENCY}
    if arguments.smoke:
        results = recording.heading() | settings
    else:
        results = recording.continued(Path(__file__).stem, **settings)
    one, two = (results.setdefault(name, {}) for name in ("one", "two"))
    for name in arguments.methods:
        one[name] = measured(Alone(), METHODS[name], smoke=arguments.smoke)
    options = [word for word in sys.argv[1:] if word != "--worker"]
    command = [*MPIRUN, "-n", "2", sys.executable, __file__, "--worker", *options]
    printed = subprocess.run(command, check=True, capture_output=True, text=True)
    two |= json.loads(printed.stdout)
    results["paper"] = {
        f"{name}, {model}": estimates(one[name], two[name], *sizes)
        for name in one
        for model, sizes in MODELS.items()
    }
    tell(results)
    if not arguments.smoke:
        recording.save(results, Path(__file__).stem)


def estimates(
    one: dict[str, Any], two: dict[str, Any], parameters: int, numbers: int
) -> dict[str, Any]:
    """`on_paper` of a model by how fast a rank is."""
    per_row = one["seconds"] / workload.BATCH_SIZE / MODELS["SmolLM2 135M"][0]
    compute = per_row * parameters * ROWS
    return {
        f"{faster} times as fast": on_paper(compute / faster, numbers, two["calls"] - 1)
        for faster in FASTER
    }


def tell(results: dict[str, Any]) -> None:
    """Print what was measured and what follows."""
    for name, one in results["one"].items():
        two = results["two"][name]
        share = two["seconds_summing"] / two["seconds"]
        print(
            f"{name}: {one['seconds']:.3f} s on one process, {two['seconds']:.3f} s on "
            f"two; {two['bytes']:,} bytes in {two['calls']} sums, {share:.1%} of a step"
        )
    for title, by_speed in results["paper"].items():
        for speed, table in by_speed.items():
            for bandwidth, row in table.items():
                told = ", ".join(f"{r}: {x:.1f}" for r, x in row["speedup"].items())
                print(
                    f"  {title}, ranks {speed}, {bandwidth}: {told}; as much time for "
                    f"sums at {row['crossover_ranks']:.0f} ranks"
                )


if __name__ == "__main__":
    main()
