"""A study killed with SIGKILL at random moments ends as if it had not been."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from study_support import without_clock, write_study_model

SCRIPT = Path(__file__).with_name("killed_study.py")
KILLS = 6


def start(out: Path, model: Path) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(SCRIPT.parent), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(out), str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )


def finish(process: subprocess.Popen[str]) -> list[str]:
    """Stages that were done."""
    told, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return told.split()


def kill_soon(process: subprocess.Popen[str], moments: random.Random) -> list[str]:
    """SIGKILL within the next stages, or while the process starts."""
    assert process.stdin
    assert process.stdout
    allowed = moments.randint(0, 3)
    process.stdin.write("\n" * allowed)
    process.stdin.flush()
    lines = [process.stdout.readline() for _ in range(allowed - 1)]
    time.sleep(moments.uniform(0, 0.1 if lines else 1.5))
    process.kill()
    rest, errors = process.communicate(timeout=120)
    assert process.returncode == -9, errors
    return "".join([*lines, rest]).split()


def results(out: Path) -> list[dict]:
    lines = (out / "results.jsonl").read_text("utf-8").splitlines()
    return without_clock(json.loads(line) for line in lines)


@pytest.mark.parametrize("seed", [0, 1])
def test_killing_a_study_at_random_moments_changes_no_number(tmp_path, seed):
    model = write_study_model(tmp_path / "model")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    stages = finish(start(whole, model))
    moments = random.Random(seed)
    done = [
        stage
        for _ in range(KILLS)
        for stage in kill_soon(start(broken, model), moments)
    ]
    done += finish(start(broken, model))
    assert results(broken) == results(whole)
    assert len(stages) == 23  # 2 alignments, 3 + 6 evaluations, 6 attacks, 6 drifts
    assert set(done) <= set(stages)
    assert len(done) == len(set(done)), "a finished stage was done again"
    for folder in (whole, broken):
        assert {each.name for each in folder.iterdir()} == {
            *(".lock", "results.jsonl", "stages", "study.json")
        }
        assert {each.name for each in (folder / "stages").iterdir()} == set(stages)
    for stage in stages:
        if stage.startswith(("align", "attack")):
            name = f"stages/{stage}/adapter_model.safetensors"
            assert (broken / name).read_bytes() == (whole / name).read_bytes()
