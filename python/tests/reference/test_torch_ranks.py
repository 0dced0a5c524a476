"""Two gloo processes of torchrun train as one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from launched import (
    SCRIPT,
    check_a_failing_rank_ends_the_job,
    check_a_job_is_the_run_of_one_process,
    check_a_killed_rank_ends_the_job,
)

pytest.importorskip("torch")
pytestmark = pytest.mark.reference

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
RUN = [*TORCHRUN, "--nproc-per-node", "2", SCRIPT, "torch"]


def test_a_job_is_the_run_of_one_process(tmp_path: Path) -> None:
    check_a_job_is_the_run_of_one_process(RUN, tmp_path)


def test_a_killed_rank_ends_the_job_by_name(tmp_path: Path) -> None:
    message = r"(?s)rank\s*: 1 .*Signal 9 \(SIGKILL\)"
    check_a_killed_rank_ends_the_job(RUN, tmp_path, message)


def test_a_rank_that_fails_ends_the_job_by_name(tmp_path: Path) -> None:
    message = r"(?s)ZeroDivisionError: of a callback.*rank\s*: 1 "
    check_a_failing_rank_ends_the_job(RUN, tmp_path, message)
