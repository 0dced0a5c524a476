"""Checkpoints are verified by the sums of their files."""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from test_resume import run_of
from training_support import (
    adapter_bytes,
    relative_error,
    saved_steps,
    tiny_model,
)

from vaccine_swift.training.checkpoint import Checkpoint

OLDER = Path(__file__).with_name("older")


def test_one_flipped_bit_of_any_file_is_found(tmp_path) -> None:
    run_of(tmp_path, max_steps=2).train()
    path = tmp_path / "checkpoint-2"
    generator = random.Random(0)
    run = run_of(tmp_path, max_steps=2)
    before = adapter_bytes(run.model)
    assert {each.name for each in path.iterdir()} == {
        "SHA256SUMS",
        "adapter_config.json",
        "adapter_model.safetensors",
        "optimizer.safetensors",
        "position.json",
        "trainer_state.json",
        "training_args.json",
    }
    for file in path.iterdir():
        content = file.read_bytes()
        for _ in range(15):
            flipped = bytearray(content)
            flipped[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
            file.write_bytes(flipped)
            with pytest.raises((ValueError, FileNotFoundError), match="checkpoint-2"):
                run.train(resume_from_checkpoint=path)
        file.write_bytes(content)
    assert adapter_bytes(run.model) == before
    run.train(resume_from_checkpoint=path)


def test_sums_are_those_of_sha256sum(tmp_path) -> None:
    run_of(tmp_path, max_steps=1).train()
    path = tmp_path / "checkpoint-1"
    lines = (path / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == 6
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((path / name).read_bytes()).hexdigest() == digest


def test_a_checkpoint_without_its_sums_is_damaged(tmp_path) -> None:
    run_of(tmp_path, max_steps=1).train()
    (tmp_path / "checkpoint-1" / "SHA256SUMS").unlink()
    with pytest.raises(ValueError, match="checkpoint-1 is damaged: no SHA256SUMS"):
        Checkpoint.read(tmp_path / "checkpoint-1")


def test_the_adapter_of_a_checkpoint_is_verified_when_it_is_loaded(tmp_path) -> None:
    run_of(tmp_path, max_steps=1).train()
    path = tmp_path / "checkpoint-1"
    model = tiny_model()
    model.load_adapter(path)
    weights = path / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ValueError, match="adapter_model.safetensors is damaged"):
        model.load_adapter(path)
    # An adapter saved there is one in its own right.
    model.save_adapter(path)
    model.load_adapter(path)


def test_an_older_checkpoint_without_sums_goes_on(tmp_path) -> None:
    run = run_of(tmp_path)
    run.train(resume_from_checkpoint=OLDER / "checkpoint-3")
    assert run.state.global_step == 6
    expected = load_file(OLDER / "final_adapter.safetensors")
    # Another processor may round otherwise; on that of the older run no bit differs.
    for name, value in run.model.adapter_state().items():
        assert relative_error(value, expected[name]) <= 1e-4
    assert saved_steps(tmp_path) == [4, 5, 6]


def test_older_checkpoints_of_one_run_stay_together(tmp_path) -> None:
    for step in (2, 3):
        shutil.copytree(OLDER / "checkpoint-3", tmp_path / f"checkpoint-{step}")
    run_of(tmp_path).train(resume_from_checkpoint=True)
    assert saved_steps(tmp_path) == [2, 3, 4, 5, 6]
