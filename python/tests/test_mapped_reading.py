"""A file that is cut short while it is read: an error that names it, no result."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import checkpoint_files as files
import numpy as np
import pyarrow as pa
import pytest
import torch_archives
from pyarrow import ipc

import vaccine_swift as vs
from vaccine_swift import drift
from vaccine_swift.checkpoints.gguf import GGUFFile
from vaccine_swift.checkpoints.safetensors import SafetensorsFile
from vaccine_swift.checkpoints.torch_file import TorchFile
from vaccine_swift.cli import main
from vaccine_swift.drift.state import State
from vaccine_swift.files.numpy_files import map_npy


def cut_checkpoint(kind: str, folder: Path) -> Any:
    """A reader whose file is cut short after it was opened."""
    config = vs.tiny_config(hidden_size=64)
    weights = files.random_weights(config)
    if kind == "gguf":
        config = files.gguf_config(hidden_size=64)
        weights = files.random_weights(config)
        path = files.write_gguf(folder / "model.gguf", config, weights)
        reader: Any = GGUFFile(path)
    elif kind == "bin":
        path = folder / "pytorch_model.bin"
        torch_archives.write(path, weights)
        reader = TorchFile(path)
    else:
        files.write_directory(folder, config, weights)
        path = folder / "model.safetensors"
        if kind == "bfloat16":
            files.write_bfloat16(path, weights)
        reader = SafetensorsFile(path)
    os.truncate(path, 4096)
    return reader


@pytest.mark.parametrize("kind", ["gguf", "bin", "float32", "bfloat16"])
def test_a_checkpoint_that_is_cut_short_while_it_is_read(
    tmp_path: Path, kind: str
) -> None:
    reader = cut_checkpoint(kind, tmp_path)
    for name in reader.shapes:
        with pytest.raises(OSError, match="the file was cut short while in use"):
            reader.read(name)


def test_a_model_is_not_made_of_a_file_that_is_cut_short_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = vs.tiny_config(hidden_size=64)
    files.write_directory(tmp_path, config, files.random_weights(config))
    read = SafetensorsFile.read

    def late(file: SafetensorsFile, name: str) -> Any:
        values = read(file, name)
        os.truncate(tmp_path / "model.safetensors", 4096)
        return values

    monkeypatch.setattr(SafetensorsFile, "read", late)
    with pytest.raises(OSError, match=r"model\.safetensors: the file was cut short"):
        vs.CausalLM.from_pretrained(tmp_path)
    with pytest.raises((OSError, ValueError), match=r"model\.safetensors"):
        vs.quantize(tmp_path, "q8_0")


ROWS = np.random.default_rng(0).normal(size=(4096, 8)).astype(np.float32)


def write_rows(path: Path) -> Path:
    if path.suffix == ".npy":
        np.save(path, ROWS)
    else:
        batch = pa.record_batch({f"c{i}": ROWS[:512, i] for i in range(8)})
        with ipc.new_file(path, batch.schema) as writer:
            for _ in range(8):
                writer.write_batch(batch)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".arrow"])
def test_an_accumulator_takes_nothing_of_rows_that_are_cut_short(
    tmp_path: Path, suffix: str
) -> None:
    first, second = (write_rows(tmp_path / f"{name}{suffix}") for name in "ab")
    accumulator = drift.Accumulator(layers=1, width=8)
    told = []

    def cut(stage: str, share: float, total: float) -> None:
        told.append(share)
        os.truncate(second, 8192)

    with pytest.raises((OSError, ValueError), match=rf"b\{suffix}"):
        accumulator.extend(first, second, ids=range(4096), memory=1 << 14, progress=cut)
    assert told
    with pytest.raises(RuntimeError):
        accumulator.report()


def test_an_array_of_the_core_that_is_cut_short(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.npy")
    rows = map_npy(path)
    np.testing.assert_array_equal(rows, ROWS)
    os.truncate(path, 4096)
    with pytest.raises(OSError, match=r"rows\.npy: the file was cut short"):
        drift.two_sample(rows, ROWS, permutations=9)


@pytest.mark.parametrize(
    ("mode", "owner", "method"),
    [
        ("--paired", State, "add"),
        ("--unpaired", drift, "two_sample"),
        ("--windows", drift.Windows, "add"),
    ],
)
def test_the_command_line_says_which_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    mode: str,
    owner: Any,
    method: str,
) -> None:
    first, second = (write_rows(tmp_path / f"{name}.npy") for name in "ab")
    original = getattr(owner, method)

    def late(*arguments: Any, **options: Any) -> Any:
        os.truncate(second, 4096)
        return original(*arguments, **options)

    monkeypatch.setattr(owner, method, late)
    assert main(["drift", mode, str(first), str(second)]) != 0
    output = capsys.readouterr()
    assert "b.npy: the file was cut short while in use" in output.err
    assert not output.out
