"""A run that is killed again and again ends as one that never was."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from training_support import without_times

SCRIPT = Path(__file__).with_name("killed_run.py")
STEPS = 30
KILLS = 5


def start(output_dir: Path) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(SCRIPT.parent), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(output_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def kill_soon(process: subprocess.Popen[str], moments: random.Random) -> None:
    """SIGKILL within a few steps, or while the process starts and resumes."""
    assert process.stdout
    lines = moments.randint(0, 5)
    for _ in range(lines):
        process.stdout.readline()
    time.sleep(moments.uniform(0, 0.01 if lines else 0.5))
    process.kill()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == -9, errors


def history(output_dir: Path) -> list[dict[str, float]]:
    state = json.loads((output_dir / "trainer_state.json").read_text())
    return without_times(state["log_history"])


@pytest.mark.parametrize("seed", [0, 1])
def test_killing_a_run_at_random_moments_changes_no_bit(tmp_path, seed: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finish(start(whole))
    moments = random.Random(seed)
    for _ in range(KILLS):
        kill_soon(start(broken), moments)
    finish(start(broken))
    last = f"checkpoint-{STEPS}"
    for name in ("adapter_model.safetensors", "optimizer.safetensors"):
        assert (broken / last / name).read_bytes() == (whole / last / name).read_bytes()
    assert history(broken) == history(whole)
    lines = (broken / "log.jsonl").read_text().splitlines()
    assert without_times([json.loads(line) for line in lines]) == history(whole)
    names = {entry.name for entry in broken.iterdir()}
    assert names == {entry.name for entry in whole.iterdir()}
