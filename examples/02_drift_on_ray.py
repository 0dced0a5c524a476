"""Drift of embeddings on many machines: the same as `02_drift_on_dask.py`, with Ray.

    pip install vaccine-swift ray
    python 02_drift_on_ray.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import ray

from vaccine_swift import drift

LAYERS, WIDTH = 4, 64


def write_shards(directory: Path, shards: int = 7) -> list[Path]:
    """Stand-ins for embeddings that are stored already: rows of prompts, two models.

    A prompt's rows are in one shard; shards may be of any size.
    """
    paths = []
    for shard in range(shards):
        rng = np.random.default_rng(shard)
        ids = np.repeat(1000 * shard + np.arange(20 + 10 * shard), 5)
        reference = rng.normal(size=(LAYERS, len(ids), WIDTH)).astype(np.float32)
        noise = rng.normal(size=reference.shape).astype(np.float32)
        growing = np.linspace(0.02, 0.2, LAYERS, dtype=np.float32)[:, None, None]
        path = directory / f"shard-{shard}.npz"
        np.savez(
            path, reference=reference, current=reference + growing * noise, ids=ids
        )
        paths.append(path)
    return paths


def measured(path: Path) -> drift.Accumulator:
    """What one worker does with one shard."""
    shard = np.load(path)
    accumulator = drift.Accumulator(layers=LAYERS, width=WIDTH, seed=0)
    accumulator.update(shard["reference"], shard["current"], ids=shard["ids"])
    return accumulator


def merged(a: drift.Accumulator, b: drift.Accumulator) -> drift.Accumulator:
    """Two accumulators of the same settings as one."""
    return a.merge(b)


def distributed(paths: list[Path]) -> drift.Accumulator:
    """Measure all shards on the cluster; merge two results as soon as there are two."""
    measure, merge = ray.remote(measured), ray.remote(merged)
    pending = [measure.remote(path) for path in paths]
    while len(pending) > 1:
        ready, pending = ray.wait(pending, num_returns=2)
        pending.append(merge.remote(*ready))
    return ray.get(pending[0])


def main() -> None:
    """Compare the cluster's report with that of one process."""
    with tempfile.TemporaryDirectory() as temporary:
        paths = write_shards(Path(temporary))
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        try:
            accumulator = distributed(paths)
        finally:
            ray.shutdown()
        alone = drift.Accumulator(layers=LAYERS, width=WIDTH, seed=0)
        for path in paths:
            alone = merged(alone, measured(path))

    report = accumulator.report(tests=["signflip"])
    print(report)
    both = [
        np.array([layer["relative_drift"]["value"] for layer in each["layers"]])
        for each in (report.to_dict(), alone.report(tests=[]).to_dict())
    ]
    np.testing.assert_allclose(both[0], both[1], rtol=1e-12)
    print(f"equal to one process, layer by layer: {both[0].round(4).tolist()}")


if __name__ == "__main__":
    main()
