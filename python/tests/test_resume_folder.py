"""Whose checkpoints are in an output directory, and who writes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_resume import run_of
from training_support import (
    At,
    adapter_bytes,
    examples,
    saved_steps,
    tiny_model,
    trainer,
    without_times,
)

import vaccine_swift as vs
from vaccine_swift.files import remove_stale
from vaccine_swift.files.locks import exclusive
from vaccine_swift.training.checkpoint import Checkpoint

SCRIPT = Path(__file__).with_name("killed_run.py")


# MARK: Other runs


def other_run(output_dir: Path, **changes) -> vs.Trainer:
    """A run of three steps with other settings than `run_of`."""
    return run_of(output_dir, **{"max_steps": 3, "learning_rate": 3e-3} | changes)


@pytest.mark.parametrize("limit", [1, 2, None])
def test_a_run_in_a_used_folder_keeps_its_own_checkpoints(tmp_path, limit) -> None:
    run_of(tmp_path).train()
    former = {path.name: path.read_bytes() for path in tmp_path.glob("*.json*")}
    run = other_run(tmp_path, save_total_limit=limit)
    with pytest.warns(UserWarning, match=r"an earlier run; they are kept in .*-1, "):
        run.train()
    assert saved_steps(tmp_path) == [1, 2, 3][-(limit or 3) :]
    assert saved_steps(tmp_path / "earlier-1") == [1, 2, 3, 4, 5, 6]
    for name, content in former.items():
        assert (tmp_path / "earlier-1" / name).read_bytes() == content
    assert json.loads((tmp_path / "trainer_state.json").read_text())["max_steps"] == 3
    resumed = other_run(tmp_path, save_total_limit=limit)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.state.global_step == 3
    assert adapter_bytes(resumed.model) == adapter_bytes(run.model)


def test_resuming_passes_over_another_run_s_higher_checkpoint(tmp_path) -> None:
    run_of(tmp_path / "a").train()
    whole = other_run(tmp_path / "b")
    whole.train()
    shutil.rmtree(tmp_path / "b" / "checkpoint-3")
    for step in (5, 6):
        name = f"checkpoint-{step}"
        shutil.copytree(tmp_path / "a" / name, tmp_path / "b" / name)
    resumed = other_run(tmp_path / "b")
    with (
        pytest.warns(
            UserWarning, match=r"passed over: .*learning_rate was 0.01, is"
        ) as told,
        pytest.warns(UserWarning, match="another run or schedule than .*checkpoint-2;"),
    ):
        resumed.train(resume_from_checkpoint=True)
    assert {Path(each.filename) for each in told} == {Path(__file__)}
    assert adapter_bytes(resumed.model) == adapter_bytes(whole.model)
    assert saved_steps(tmp_path / "b") == [1, 2, 3]
    assert saved_steps(tmp_path / "b" / "earlier-1") == [5, 6]


def test_the_limit_never_counts_or_removes_another_run_s_checkpoint(tmp_path) -> None:
    run_of(tmp_path / "a").train()

    def copy_in() -> None:
        source = tmp_path / "a" / "checkpoint-6"
        shutil.copytree(source, tmp_path / "b" / "checkpoint-60")

    put = At("on_step_end", 1, copy_in)
    other_run(tmp_path / "b", save_total_limit=2, callbacks=[put]).train()
    assert saved_steps(tmp_path / "b") == [2, 3, 60]


def test_the_best_model_is_never_another_run_s(tmp_path) -> None:
    def evaluated(output_dir: Path, losses: list[float]) -> vs.Trainer:
        run = run_of(
            output_dir,
            model=tiny_model(),
            evaluation=examples(1),
            eval_strategy="steps",
            eval_steps=1,
            load_best_model_at_end=True,
            seed=len(losses),
            max_steps=3,
        )
        run.model.loss = lambda batch: (losses[run.state.global_step - 1], 1)
        return run

    first = evaluated(tmp_path / "out", [3.0, 1.0, 2.0])
    first.train()
    best = adapter_bytes(first.model)
    # The folder moves, and another run takes its place.
    (tmp_path / "out").rename(tmp_path / "moved")
    evaluated(tmp_path / "out", [3.0, 2.0, 1.0, 0.0]).train()
    resumed = evaluated(tmp_path / "moved", [3.0, 1.0, 2.0])
    resumed.train(resume_from_checkpoint=tmp_path / "moved" / "checkpoint-2")
    assert resumed.state.best_model_checkpoint == str(tmp_path / "out" / "checkpoint-2")
    assert adapter_bytes(resumed.model) == best


def test_a_refused_run_moves_nothing(tmp_path) -> None:
    run_of(tmp_path).train()
    before = sorted(path.name for path in tmp_path.iterdir())
    run = run_of(tmp_path)

    def reserve(*args, **kwargs):
        raise MemoryError("needs 9 TB")

    run.model.reserve = reserve
    with pytest.raises(MemoryError):
        run.train()
    assert sorted(path.name for path in tmp_path.iterdir()) == before


# MARK: One writer


def test_a_second_run_in_the_folder_is_refused(tmp_path) -> None:
    second = trainer(tmp_path)
    caught = []

    def start() -> None:
        with pytest.raises(RuntimeError) as error:
            second.train()
        caught.append(str(error.value))

    first = trainer(tmp_path, callbacks=[At("on_step_end", 2, start)])
    assert first.train().global_step == 6
    assert caught == [f"{tmp_path} is in use: process {os.getpid()} trains there"]
    assert not (tmp_path / ".lock").exists()
    assert second.train().global_step == 6


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path) -> None:
    (tmp_path / ".lock").write_text("process 1\n")
    assert trainer(tmp_path).train().global_step == 6


def test_a_folder_that_vanishes_comes_again(tmp_path) -> None:
    output_dir = tmp_path / "out"
    vanish = At("on_step_end", 3, lambda: shutil.rmtree(output_dir))
    run = trainer(
        output_dir,
        callbacks=[vanish],
        logging_steps=1,
        save_strategy="steps",
        save_steps=2,
    )
    run.train()
    assert saved_steps(output_dir) == [4, 6]
    lines = (output_dir / "log.jsonl").read_text().splitlines()
    history = without_times(run.state.log_history)
    assert without_times([json.loads(line) for line in lines]) == history
    assert not (output_dir / ".lock").exists()


def test_a_vanished_folder_that_another_run_has_taken_is_left_to_it(tmp_path) -> None:
    output_dir = tmp_path / "out"

    def take() -> None:
        shutil.rmtree(output_dir)
        stack.enter_context(exclusive(output_dir, "trains"))

    with contextlib.ExitStack() as stack:
        run = trainer(
            output_dir,
            callbacks=[At("on_step_end", 1, take)],
            save_strategy="steps",
            save_steps=2,
        )
        with pytest.raises(RuntimeError, match="out is in use"):
            run.train()
        assert saved_steps(output_dir) == []
        assert (output_dir / ".lock").exists()


# MARK: SIGTERM


def test_sigterm_ends_as_ctrl_c_does(tmp_path) -> None:
    settings = {"lr_scheduler_type": "constant", "gradient_accumulation_steps": 2}
    whole = trainer(tmp_path / "whole", max_steps=2, **settings)
    whole.train()
    stop = At("on_substep_end", 2, lambda: signal.raise_signal(signal.SIGTERM))
    broken = trainer(tmp_path, callbacks=[stop], **settings)
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    assert broken.state.global_step == 2
    assert adapter_bytes(broken.model) == adapter_bytes(whole.model)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_one_s_own_stays(tmp_path) -> None:
    heard = []
    former = signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
    try:
        stop = At("on_step_end", 1, lambda: signal.raise_signal(signal.SIGTERM))
        assert trainer(tmp_path, callbacks=[stop]).train().global_step == 6
    finally:
        signal.signal(signal.SIGTERM, former)
    assert heard == [1]


@pytest.mark.parametrize("after", [1, 4])
def test_a_terminated_process_leaves_whole_checkpoints(tmp_path, after: int) -> None:
    path = os.pathsep.join([str(SCRIPT.parent), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert process.stdout
    for _ in range(after):
        process.stdout.readline()
    time.sleep(0.001 * after)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    for checkpoint in tmp_path.glob("checkpoint-*"):
        Checkpoint.read(checkpoint)
    # Where the signal met the cleaning up itself, the next run does the rest.
    remove_stale(tmp_path)
    names = {entry.name for entry in tmp_path.iterdir()}
    assert not any(name.startswith(".") for name in names)
