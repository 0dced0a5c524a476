"""The benchmark for GPUs: what it says without one, and its whole way on a CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.reference

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(*options: str, **environment: str) -> str:
    found = subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu.py"), *options],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-4000:]
    return found.stdout


def test_it_says_so_where_there_is_no_gpu(tmp_path) -> None:
    pytest.importorskip("torch")
    said = run("--output", str(tmp_path), CUDA_VISIBLE_DEVICES="")
    assert said == "skipped: torch sees no GPU\n"
    assert not list(tmp_path.iterdir())


def test_both_sides_do_the_same_work_and_are_told_as_by_make_bench(tmp_path) -> None:
    pytest.importorskip("transformers")
    options = ["--device", "cpu", "--shape", "tiny", "--dtype", "float32"]
    said = run(*options, "--repeats", "1", "--threads", "1", "--output", str(tmp_path))
    results = json.loads(next(tmp_path.glob("*-gpu.json")).read_text())
    bench = json.loads((BENCHMARKS / "results/2026-11-26-smollm2.json").read_text())
    assert results.keys() >= bench.keys() - {"gemm_gflops"}
    # The names of what was measured, as one reads them from either file.
    ours, theirs = results["methods"], bench["methods"]
    assert list(ours) == list(theirs)
    for method in ours:
        assert list(ours[method]) == ["torch engine", "authors' hooks"]
        for side in ours[method].values():
            assert side.keys() == theirs[method]["float32"].keys()
        engine, hooks = (side["runs"][0]["losses"] for side in ours[method].values())
        # B = 0 before the first step, so that dropout of LoRA changes nothing yet.
        assert engine[0] == pytest.approx(hooks[0], rel=1e-5)
        assert len(engine) == len(hooks) == 10
        assert f"│ {method}" in said
    clean, moved = (
        ours[name]["torch engine"]["runs"][0] for name in ("sft", "vaccine")
    )
    assert moved["losses"][0] > clean["losses"][0] + 0.1
