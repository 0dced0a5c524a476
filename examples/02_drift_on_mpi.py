"""Drift of embeddings on many machines: each MPI rank measures its share of the shards.

mpi4py reduces what the ranks hold in pairs, with `Accumulator.merge` as the operation.

    pip install 'vaccine-swift[mpi]'
    mpirun -n 4 python 02_drift_on_mpi.py
"""

from __future__ import annotations

import numpy as np
from mpi4py import MPI

from vaccine_swift import drift

LAYERS, WIDTH, SHARDS = 4, 64, 7


def add_shard(accumulator: drift.Accumulator, shard: int) -> None:
    """Add a stand-in for embeddings that are stored already; shards have any size."""
    rng = np.random.default_rng(shard)
    ids = np.repeat(1000 * shard + np.arange(20 + 10 * shard), 5)
    reference = rng.normal(size=(LAYERS, len(ids), WIDTH)).astype(np.float32)
    noise = rng.normal(size=reference.shape).astype(np.float32)
    growing = np.linspace(0.02, 0.2, LAYERS, dtype=np.float32)[:, None, None]
    accumulator.update(reference, reference + growing * noise, ids=ids)


def main() -> None:
    """Compare the ranks' report with that of one process."""
    world = MPI.COMM_WORLD
    own = drift.Accumulator(layers=LAYERS, width=WIDTH, seed=0)
    for shard in range(world.rank, SHARDS, world.size):
        add_shard(own, shard)
    total = world.reduce(own, op=drift.Accumulator.merge, root=0)
    if world.rank != 0:
        return
    report = total.report(tests=["signflip"])
    print(report)
    alone = drift.Accumulator(layers=LAYERS, width=WIDTH, seed=0)
    for shard in range(SHARDS):
        add_shard(alone, shard)
    both = [
        np.array([layer["relative_drift"]["value"] for layer in each["layers"]])
        for each in (report.to_dict(), alone.report(tests=[]).to_dict())
    ]
    np.testing.assert_allclose(both[0], both[1], rtol=1e-12)
    print(f"equal to one process, layer by layer: {both[0].round(4).tolist()}")


if __name__ == "__main__":
    main()
