"""Jobs of a launcher (mpirun, torchrun), and what must hold of each."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ranks_run import STEPS, job
from safetensors.numpy import load_file
from training_support import relative_error

from vaccine_swift.training.checkpoint import Checkpoint

TESTS = Path(__file__).parent
SCRIPT = str(TESTS / "ranks_run.py")


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ
        | {
            "PYTHONPATH": path,
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        },
    )


def finished(command: Sequence[str]) -> str:
    process = start(command)
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return printed


def weights(directory: Path) -> np.ndarray:
    tensors = load_file(directory / "adapter_model.safetensors")
    return np.concatenate([tensors[name].ravel() for name in sorted(tensors)])


def check_a_job_is_the_run_of_one_process(
    launcher: list[str], folder: Path, ranks: int = 2
) -> None:
    printed = finished([*launcher, str(folder / "job")])
    assert set(re.findall(r"rank (\d) process", printed)) == set(map(str, range(ranks)))
    job(folder / "alone", None).train()
    last = f"checkpoint-{STEPS}"
    found, expected = (weights(folder / each / last) for each in ("job", "alone"))
    assert relative_error(found, expected) < 1e-5


def check_a_killed_rank_ends_the_job(
    launcher: list[str], folder: Path, message: str
) -> None:
    """SIGKILL for rank 1 at step 12: seconds later all has ended, and says why."""
    process = start([*launcher, str(folder / "job"), "slow"])
    assert process.stdout
    for line in process.stdout:
        found = re.search(r"rank 1 process (\d+) step 12", line)
        if found:
            break
    os.kill(int(found[1]), signal.SIGKILL)
    killed = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - killed < 15
    assert process.returncode != 0
    assert re.search(message, errors), errors
    check_it_goes_on(folder)


def check_a_failing_rank_ends_the_job(
    launcher: list[str], folder: Path, message: str
) -> None:
    process = start([*launcher, str(folder / "job"), "raise"])
    printed, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert re.search(message, errors), errors
    wait_for_the_end_of_ranks(printed)
    check_it_goes_on(folder)


def wait_for_the_end_of_ranks(printed: str) -> None:
    """A launcher may be gone before the last of them has let go of the folder."""
    processes = {*re.findall(r"process (\d+)", printed)}
    until = time.monotonic() + 10
    while any(Path("/proc", each).exists() for each in processes):
        assert time.monotonic() < until, "a rank outlives its job"
        time.sleep(0.1)


def check_it_goes_on(folder: Path) -> None:
    """The last checkpoint is whole, and one process ends the run as it would have."""
    (last,) = (folder / "job").glob("checkpoint-10")
    assert Checkpoint.read(last).state.global_step == 10
    job(folder / "job", None).train(resume_from_checkpoint=True)
    job(folder / "alone", None).train()
    ends = [weights(folder / each / f"checkpoint-{STEPS}") for each in ("job", "alone")]
    assert relative_error(*ends) < 1e-5
