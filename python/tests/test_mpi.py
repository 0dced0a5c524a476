"""Two processes of Open MPI train as one; skipped without it or mpi4py."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest
from cli_support import write_model, write_rows
from launched import (
    SCRIPT,
    check_a_failing_rank_ends_the_job,
    check_a_job_is_the_run_of_one_process,
    check_a_killed_rank_ends_the_job,
    finished,
    start,
    weights,
)
from study_support import tiny_study, without_clock, write_study_model
from test_drift_merging import measured, numbers
from training_support import relative_error
from two_hosts import ADDRESSES, agent, on, sent, two_hosts

import vaccine_swift as vs
from vaccine_swift import drift, study
from vaccine_swift.cli import main
from vaccine_swift.training.checkpoint import Checkpoint

pytestmark = pytest.mark.skipif(
    shutil.which("ompi_info") is None or importlib.util.find_spec("mpi4py") is None,
    reason="needs Open MPI (Debian: openmpi-bin) and mpi4py",
)

MPIRUN = ["mpirun", "-n", "2", "--oversubscribe", "--bind-to", "none", sys.executable]
RUN = [*MPIRUN, SCRIPT, "mpi"]


def test_a_job_is_the_run_of_one_process(tmp_path: Path) -> None:
    check_a_job_is_the_run_of_one_process(RUN, tmp_path)


def test_a_killed_rank_ends_the_job_by_name(tmp_path: Path) -> None:
    message = r"process rank 1 with PID \d+ .* exited on signal 9"
    check_a_killed_rank_ends_the_job(RUN, tmp_path, message)


def test_a_rank_that_fails_ends_the_job_by_name(tmp_path: Path) -> None:
    message = "rank 1: ZeroDivisionError: of a callback"
    check_a_failing_rank_ends_the_job(RUN, tmp_path, message)


def align(folder: Path, output: str, *options: str) -> list[str]:
    words = ["align", "--model", folder / "model", "--data", folder / "rows.jsonl"]
    words += ["--output-dir", folder / output, "--max-steps", "6", "--save-steps", "3"]
    return [*map(str, words), "--disable-tqdm", "--threads", "1", *options]


def test_the_command_line_trains_on_ranks(tmp_path: Path, capsys) -> None:
    write_model(tmp_path / "model")
    write_rows(tmp_path / "rows.jsonl")
    command = [*MPIRUN, "-m", "vaccine_swift"]
    printed = finished([*command, *align(tmp_path, "job", "--distributed", "mpi")])
    assert printed.count("the adapter is in") == 1
    assert main(align(tmp_path, "alone")) == 0
    capsys.readouterr()
    found, expected = weights(tmp_path / "job"), weights(tmp_path / "alone")
    assert relative_error(found, expected) < 1e-5
    names = [
        sorted(
            str(path.relative_to(tmp_path / each))
            for path in (tmp_path / each).rglob("*")
        )
        for each in ("job", "alone")
    ]
    assert names[0] == names[1]
    assert Checkpoint.read(tmp_path / "job" / "checkpoint-6").state.global_step == 6


def test_the_command_line_says_what_is_wrong_on_any_rank(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    write_rows(tmp_path / "rows.jsonl")
    command = [*MPIRUN, "-m", "vaccine_swift"]
    options = align(tmp_path, "job", "--distributed", "mpi", "--rho", "-1")
    process = start([*command, *options])
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "rho must be" in errors


def test_a_sum_is_that_of_all_types(tmp_path: Path) -> None:
    script = tmp_path / "sums.py"
    script.write_text(
        "import sys\n"
        "import numpy as np\n"
        "from vaccine_swift.distributed.mpi import MPICollective\n"
        "ranks = MPICollective()\n"
        "for kind in (np.float32, np.float64, np.int64, np.uint8):\n"
        "    array = np.full((2, 3), 1 + ranks.rank, kind)\n"
        "    ranks.allreduce(array)\n"
        "    assert (array == 3).all() and array.dtype == kind\n"
        "ranks.barrier()\n"
        "sys.stdout.write(f'{ranks.rank} {ranks.size}\\n')\n"  # at once
    )
    lines = finished([*MPIRUN, str(script)]).split("\n")
    assert sorted(filter(None, lines)) == ["0 2", "1 2"]


@pytest.mark.parametrize(
    "name", ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"]
)
def test_processes_that_do_not_see_each_other_are_refused(monkeypatch, name) -> None:
    """As with another library's mpirun, or srun without a plugin for MPI."""
    made = "from vaccine_swift.distributed.mpi import MPICollective as M; "
    alone = [sys.executable, "-c", made + "print(M().size)"]
    monkeypatch.setenv(name, "1")
    assert finished(alone) == "1\n"
    monkeypatch.setenv(name, "3")
    process = start(alone)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"MPI sees one process, but {name} says that 3 were started" in errors
    given = "from mpi4py import MPI; "
    chosen = [sys.executable, "-c", made + given + "print(M(MPI.COMM_SELF).size)"]
    assert finished(chosen) == "1\n"


def test_workers_of_mpi4py_do_a_study_and_a_tree_of_drift(tmp_path: Path) -> None:
    model = write_study_model(tmp_path / "model")
    script = str(Path(__file__).with_name("mpi_futures.py"))
    three = ["3" if word == "2" else word for word in MPIRUN]
    printed = finished([*three, script, str(model), str(tmp_path / "job")])
    assert json.loads(printed) == numbers(drift.merge_tree(map(measured, range(7))))
    vs.set_num_threads(1)
    alone = study.run(tiny_study(model), tmp_path / "alone", progress=False)
    found = study.StudyResult.load(tmp_path / "job")
    assert without_clock(found.rows) == without_clock(alone.rows)
    stages = tmp_path / "alone" / "stages"
    files = sorted(stages.glob("*/adapter_model.safetensors"))
    assert files
    for path in files:
        other = tmp_path / "job" / path.relative_to(tmp_path / "alone")
        assert other.read_bytes() == path.read_bytes()


def test_hosts_that_share_a_network_alone_train_as_one(tmp_path: Path) -> None:
    """No loopback and no shared memory is between them."""
    with two_hosts() as (here, there):
        starter = agent(tmp_path / "agent", there)
        launcher = ["mpirun", "-n", "2", "--bind-to", "none"]
        launcher += ["--host", ",".join(f"{each}:1" for each in ADDRESSES)]
        launcher += ["--mca", "plm_rsh_agent", str(starter)]
        launcher += ["--mca", "pml", "ob1", "--mca", "btl", "tcp,self"]
        launcher += ["-x", "PYTHONPATH", "-x", "OMP_NUM_THREADS"]
        run = [*on(here), *launcher, sys.executable, SCRIPT, "mpi"]
        check_a_job_is_the_run_of_one_process(run, tmp_path)
        assert sent(here) > 100_000
        assert sent(there) > 100_000
