"""Two gloo processes of torchrun train as one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from launched import (
    SCRIPT,
    check_a_failing_rank_ends_the_job,
    check_a_job_is_the_run_of_one_process,
    check_a_killed_rank_ends_the_job,
    weights,
)
from ranks_run import STEPS, job
from training_support import relative_error
from two_hosts import ADDRESSES, on, sent, two_hosts

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.reference

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
BY_TORCHRUN = [*TORCHRUN, "--nproc_per_node", "2", SCRIPT, "torch"]
STARTED = [sys.executable, str(Path(SCRIPT).with_name("gloo_ranks.py"))]

has_torchrun = pytest.mark.skipif(
    int(torch.__version__.split(".")[0]) < 2 and sys.version_info >= (3, 11),
    reason="torchrun of torch 1 ends with an AttributeError on Python 3.11",
)


def test_one_rank_is_the_run_of_one_process(tmp_path: Path) -> None:
    check_a_job_is_the_run_of_one_process([*STARTED, "1"], tmp_path, ranks=1)


@pytest.mark.parametrize(
    "run", [pytest.param(BY_TORCHRUN, marks=has_torchrun), [*STARTED, "2"]]
)
def test_a_job_is_the_run_of_one_process(tmp_path: Path, run: list[str]) -> None:
    check_a_job_is_the_run_of_one_process(run, tmp_path)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        pytest.param(
            BY_TORCHRUN,
            r"(?s)rank\s*: 1 .*Signal 9 \(SIGKILL\)",
            marks=has_torchrun,
        ),
        ([*STARTED, "2"], "(?s)rank 0 has lost another rank.*rank 1 ended with -9"),
    ],
)
def test_a_killed_rank_ends_the_job_by_name(
    tmp_path: Path, run: list[str], message: str
) -> None:
    check_a_killed_rank_ends_the_job(run, tmp_path, message)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        pytest.param(
            BY_TORCHRUN,
            r"(?s)ZeroDivisionError: of a callback.*rank\s*: 1 ",
            marks=has_torchrun,
        ),
        ([*STARTED, "2"], "(?s)ZeroDivisionError: of a callback.*rank 1 ended with 1"),
    ],
)
def test_a_rank_that_fails_ends_the_job_by_name(
    tmp_path: Path, run: list[str], message: str
) -> None:
    check_a_failing_rank_ends_the_job(run, tmp_path, message)


@has_torchrun
def test_hosts_that_share_a_network_alone_train_as_one(
    tmp_path: Path, monkeypatch
) -> None:
    """As two machines: torchrun on each, which meet at the address of the first."""
    with two_hosts() as hosts:
        path = os.pathsep.join([str(Path(SCRIPT).parent), *filter(None, sys.path)])
        monkeypatch.setenv("PYTHONPATH", path)
        runs = [
            [
                *on(host),
                *(
                    "bash",
                    "-c",
                    'GLOO_SOCKET_IFNAME=$(ls /sys/class/net | grep wire) exec "$@"',
                    "-",
                ),
                *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"),
                *("--node_rank", str(rank), "--nproc_per_node", "1"),
                *("--master_addr", ADDRESSES[0], "--master_port", "29511", SCRIPT),
                "torch",
            ]
            for rank, host in enumerate(hosts)
        ]
        processes = [
            subprocess.Popen(
                [*run, str(tmp_path / "job")],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for run in runs
        ]
        for rank, process in enumerate(processes):
            said, _ = process.communicate(timeout=120)
            assert process.returncode == 0, said
            assert f"rank {rank} process" in said
        assert all(sent(host) > 100_000 for host in hosts)
    job(tmp_path / "alone", None).train()
    last = f"checkpoint-{STEPS}"
    found, expected = (weights(tmp_path / each / last) for each in ("job", "alone"))
    assert relative_error(found, expected) < 1e-5
