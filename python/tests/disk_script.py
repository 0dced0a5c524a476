"""Writes everything on a small disk that is then full, or read-only.

Usage: disk_script.py FOLDER {full,read-only}; FOLDER is the disk.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drift_accumulators import filled
from study_support import tiny_study, write_study_model
from training_support import adapter_bytes, tiny_model, trainer

import vaccine_swift as vs
from vaccine_swift import drift, study
from vaccine_swift.files import write_json, write_text

BLOCK = 1 << 12
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 9, 3))
MODEL = write_study_model(Path(tempfile.mkdtemp()) / "model")


def two_sample() -> Any:
    return drift.two_sample(X, Y, permutations=99)


def windows() -> drift.Windows:
    return drift.Windows(RNG.normal(size=(40, 3)), permutations=399)


def saved_model(path: Path) -> None:
    model = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    model.save_pretrained(path)


def trained(path: Path) -> None:
    """Two steps more than there were."""
    steps = 2 + max(
        (int(each.name[11:]) for each in path.glob("checkpoint-*")), default=0
    )
    run = trainer(path, save_strategy="steps", save_steps=2, max_steps=steps)
    run.train(resume_from_checkpoint=steps > 2)


def studied(path: Path, *, share: bool) -> None:
    """One method more than there was."""
    methods = ("sft", "vaccine") if path.exists() else ("sft",)
    config = tiny_study(MODEL, methods=methods, align_steps=1, attack_steps=1)
    study.run(config, path, share=share, progress=False)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "adapter": lambda path: tiny_model(seed=1).save_adapter(path),
    "model": saved_model,
    "run": trained,
    "study": functools.partial(studied, share=False),
    "shared-study": functools.partial(studied, share=True),
    "state.npz": lambda path: filled("full").save(path),
    "windows.npz": lambda path: windows().save(path),
    "report.json": lambda path: filled().report().to_json(path),
    "report.html": lambda path: filled().report().to_html(path),
    "samples.json": lambda path: two_sample().to_json(path),
    "samples.html": lambda path: two_sample().to_html(path),
    "plain.json": lambda path: write_json(path, list(range(5000))),
    "plain.txt": lambda path: write_text(path, "x" * 20_000),
}


def content(path: Path) -> dict[str, bytes]:
    files = path.rglob("*") if path.is_dir() else [path]
    return {str(each): each.read_bytes() for each in files if each.is_file()}


def fill(disk: Path) -> None:
    """Leave no room."""
    with (
        (disk / "filler").open("ab", buffering=0) as file,
        contextlib.suppress(OSError),
    ):
        while True:
            file.write(b"\0" * BLOCK)


def check(name: str, write: Callable[[Path], Any], disk: Path, code: int) -> None:
    """The former state stays, and the error says which file and why."""
    path = disk / name
    if code == errno.ENOSPC:
        fill(disk)
    before = content(path)
    with pytest.raises(OSError, match=re.escape(name)) as caught:
        write(path)
    assert caught.value.errno == code, f"{name}: {caught.value!r}"
    after = content(path)
    changed = {
        each
        for each in before | after
        # Going on, a run first takes its log back to the checkpoint.
        if before.get(each) != after.get(each) and not each.endswith("log.jsonl")
    }
    assert not changed, f"{name}: {changed}"
    parts = (part for part in (path, disk) if part.is_dir())
    rest = [
        each.name
        for part in parts
        for each in part.iterdir()
        if each.name.startswith(".unf")
    ]
    assert not rest, f"{name} leaves {rest}"


def main(disk: Path, how: str) -> None:
    for name, write in WRITERS.items():
        write(disk / name)
    if how == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    code = errno.ENOSPC if how == "full" else errno.EROFS
    for name, write in WRITERS.items():
        check(name, write, disk, code)
    found = tiny_model(seed=2)
    found.remove_adapter()
    found.load_adapter(disk / "adapter")
    assert adapter_bytes(found) == adapter_bytes(tiny_model(seed=1))
    drift.load(disk / "state.npz").report()
    if how == "full":
        (disk / "filler").unlink()
        for name, write in WRITERS.items():
            write(disk / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
