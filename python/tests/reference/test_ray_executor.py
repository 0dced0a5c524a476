"""A study and a tree of drift on Ray's tasks, through an executor of six lines."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pytest
from study_support import tiny_study, without_clock, write_study_model
from test_drift_merging import measured, numbers

import vaccine_swift as vs
from vaccine_swift import drift, study

ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.reference,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]


class RayExecutor(Executor):
    """As the page on studies shows it."""

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Any:
        return ray.remote(function).remote(*arguments, **options).future()


@pytest.fixture
def executor() -> Iterator[Executor]:
    path = ":".join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        runtime_env={"env_vars": {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}},
    )
    yield RayExecutor()
    ray.shutdown()
    gc.collect()  # what Ray leaves to warn of, while that is ignored


def test_tasks_give_the_bits_of_the_serial_run(tmp_path, executor) -> None:
    vs.set_num_threads(1)
    model = write_study_model(tmp_path / "model")
    config = tiny_study(model)
    found = study.run(config, tmp_path / "job", executor=executor, progress=False)
    alone = study.run(config, tmp_path / "alone", progress=False)
    assert without_clock(found.rows) == without_clock(alone.rows)
    files = sorted((tmp_path / "alone" / "stages").glob("*/adapter_model.safetensors"))
    assert files
    for path in files:
        other = tmp_path / "job" / path.relative_to(tmp_path / "alone")
        assert other.read_bytes() == path.read_bytes()


def test_tasks_merge_as_one_process_does(executor) -> None:
    parts = [executor.submit(measured, shard) for shard in range(7)]
    total = drift.merge_tree(parts, executor=executor)
    assert numbers(total) == numbers(drift.merge_tree(map(measured, range(7))))
