"""How the cost of a step grows with the tokens of a batch and with sequence length.

SmolLM2-135M, LoRA as in `workload.py`. Two series of five batches: longer sequences at
a fixed number of them, and more sequences at a fixed length. Each point is the median
of three steps. All ten are fitted by

    seconds = fixed + linear · T + quadratic · Σ length²

(least squares of relative errors; no term below 0): the quadratic term is attention's.
Writes `results/<date>-scaling.json` and a figure. Parts can be measured apart and are
put together in one file.

    python python/benchmarks/scaling.py [--threads 2] [--dtypes float32 bfloat16]
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np
import recording
import workload
from exactness import adapted

import vaccine_swift as vs
from vaccine_swift import _core

DTYPES = ("float32", "bfloat16")
METHODS = {"vaccine": vs.Vaccine(workload.RHO), "sft": vs.SFT()}
SEQUENCES, LENGTHS = 2, (32, 64, 128, 256, 512)
COUNTS, LENGTH = (1, 2, 4, 8, 16), 64
SUPERVISED = 0.6
REPEATS = 3


def batch(count: int, length: int) -> vs.Batch:
    """`count` random sequences, of which the last 60 % is supervised."""
    generator = np.random.default_rng(0)
    examples = []
    for _ in range(count):
        ids = generator.integers(0, 49152, length)
        labels = ids.copy()
        labels[: round((1 - SUPERVISED) * length)] = workload.IGNORED
        examples.append(vs.Example(ids, labels))
    return vs.Batch.pack(examples)


def series(dtype: str, method: str) -> list[dict[str, Any]]:
    """Median time of a step for every batch, after one step on the largest."""
    model = adapted(dtype, dropout=workload.DROPOUT)
    optimiser = _core.AdamW(model._model, 0.9, 0.999, 1e-8, workload.WEIGHT_DECAY)

    def step(packed: vs.Batch) -> None:
        model.zero_gradients()
        model.forward_backward(packed, method=METHODS[method], seed=43)
        optimiser.step(model._model, workload.LEARNING_RATE, workload.MAX_GRAD_NORM)

    sizes = [("length", SEQUENCES, length) for length in LENGTHS]
    sizes += [("sequences", count, LENGTH) for count in COUNTS]
    step(batch(*max((s[1:] for s in sizes), key=np.prod)))
    points = []
    for varied, count, length in sizes:
        packed = batch(count, length)
        seconds, busy = [], []
        for _ in range(REPEATS):
            begin, begin_busy = time.perf_counter(), time.process_time()
            step(packed)
            seconds.append(time.perf_counter() - begin)
            busy.append(time.process_time() - begin_busy)
        points.append(
            {
                "varied": varied,
                "sequences": count,
                "length": length,
                "tokens": count * length,
                "seconds": statistics.median(seconds),
                "processor_seconds": statistics.median(busy),
            }
        )
    return points


def fit(points: list[dict[str, Any]], time_of: str) -> dict[str, Any]:
    """The three terms, and the largest relative error of the fit."""
    tokens = np.array([point["tokens"] for point in points], float)
    squares = tokens * np.array([point["length"] for point in points])
    seconds = np.array([point[time_of] for point in points])
    terms = np.stack([np.ones_like(tokens), tokens, squares], axis=1)
    kept, solution = [0, 1, 2], np.zeros(3)
    while kept:
        part = np.linalg.lstsq(terms[:, kept] / seconds[:, None], np.ones(10))[0]
        if part.min() >= 0:
            solution[kept] = part
            break
        kept.pop(int(part.argmin()))
    fixed, linear, quadratic = map(float, solution)
    return {
        "fixed_seconds": fixed,
        "seconds_per_token": linear,
        "seconds_per_token_squared": quadratic,
        "attention_share_at_512": quadratic * 512 / (linear + quadratic * 512),
        "largest_relative_error": float(np.abs(terms @ solution / seconds - 1).max()),
    }


def draw(results: dict[str, Any]) -> None:
    """Time against length on the left, against the number of sequences on the right."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for name, run in results["runs"].items():
        method, dtype = name.split()
        fitted = run["fit"]
        for axis, varied in zip(axes, ("length", "sequences"), strict=True):
            points = [p for p in run["points"] if p["varied"] == varied]
            tokens = np.array([p["tokens"] for p in points])
            lengths = np.array([p["length"] for p in points])
            axis.plot(
                tokens,
                [p["processor_seconds"] for p in points],
                "o" if method == "vaccine" else "s",
                color=recording.COLOURS[dtype],
                markersize=5,
                fillstyle="full" if method == "vaccine" else "none",
                label=f"{method}, {dtype}",
            )
            line = fitted["fixed_seconds"] + tokens * (
                fitted["seconds_per_token"]
                + fitted["seconds_per_token_squared"] * lengths
            )
            axis.plot(tokens, line, color=recording.COLOURS[dtype], linewidth=1)
    titles = (f"{SEQUENCES} sequences, longer", f"sequences of {LENGTH}, more")
    for axis, title in zip(axes, titles, strict=True):
        axis.set(xscale="log", yscale="log", xlabel="tokens of the batch", title=title)
    axes[0].set_ylabel("processor seconds of a step")
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(recording.IMAGES / "scaling.png", dpi=110)


def main() -> None:
    """Measure what is asked, join it with the day's other parts, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=[*DTYPES])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    arguments = parser.parse_args()
    vs.set_num_threads(arguments.threads)
    results = recording.continued("scaling", threads=arguments.threads)
    for dtype in arguments.dtypes:
        for method in arguments.methods:
            points = series(dtype, method)
            run = {"points": points, "fit": fit(points, "processor_seconds")}
            results.setdefault("runs", {})[f"{method} {dtype}"] = run
            print(method, dtype, run["fit"])
    recording.save(results, "scaling")
    draw(results)


if __name__ == "__main__":
    main()
