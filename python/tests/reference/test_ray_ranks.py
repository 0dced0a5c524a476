"""Two actors of Ray train as one process."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from launched import weights
from ranks_run import STEPS, job
from training_support import relative_error

ray = pytest.importorskip("ray")
pytest.importorskip("torch")
pytestmark = [
    pytest.mark.reference,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]


class Actor:
    def train(self, rank: int, folder: Path) -> list[Any]:
        from ray.util import collective

        from vaccine_swift.distributed.ray import RayCollective

        collective.init_collective_group(2, rank, backend="gloo", group_name="job")
        ranks = RayCollective("job")
        for kind in (np.float32, np.float64, np.int64, np.uint8):
            array = np.full((2, 3), 1 + rank, kind)
            ranks.allreduce(array)
            assert (array == 3).all()
        ranks.barrier()
        job(folder, ranks).train()
        return [ranks.rank, ranks.size]


def test_actors_train_as_one_process(tmp_path: Path) -> None:
    path = ":".join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        runtime_env={"env_vars": {"PYTHONPATH": path}},
    )
    try:
        actors = [ray.remote(num_cpus=1)(Actor).remote() for _ in range(2)]
        tasks = [
            actor.train.remote(rank, tmp_path / "job")
            for rank, actor in enumerate(actors)
        ]
        assert ray.get(tasks, timeout=120) == [[0, 2], [1, 2]]
    finally:
        ray.shutdown()
        gc.collect()  # what Ray leaves to warn of, while that is ignored
    job(tmp_path / "alone", None).train()
    last = f"checkpoint-{STEPS}"
    found, expected = (weights(tmp_path / each / last) for each in ("job", "alone"))
    assert relative_error(found, expected) < 1e-5
