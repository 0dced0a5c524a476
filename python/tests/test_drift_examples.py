"""The examples on distribution: as their users run them, on two worker processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def assert_equals_one_process(
    engine: str, directory: Path, command: Sequence[str] = ()
) -> None:
    """What the example of an engine prints, run by a command."""
    package = Path(sys.modules["vaccine_swift"].__file__).parents[1]
    run = subprocess.run(
        [*command, sys.executable, str(EXAMPLES / f"02_drift_on_{engine}.py")],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(package), "PYSPARK_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "equal to one process, layer by layer" in run.stdout
    assert "350 prompts, 4 layers" in run.stdout


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_shards_on_worker_processes_equal_one_process(engine, tmp_path) -> None:
    pytest.importorskip("distributed" if engine == "dask" else engine)
    assert_equals_one_process(engine, tmp_path)


@pytest.mark.parametrize(
    ("engine", "module", "command"),
    [
        (
            "mpi",
            "mpi4py",
            ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2"],
        ),
        ("spark", "pyspark", []),
    ],
)
def test_ranks_and_partitions_equal_one_process(
    engine, module, command, tmp_path
) -> None:
    pytest.importorskip(module)
    if command and not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    assert_equals_one_process(engine, tmp_path, command)
