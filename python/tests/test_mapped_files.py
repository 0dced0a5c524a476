"""A mapped file that is cut short while in use: an error that names it, no death."""

from __future__ import annotations

import io
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkpoint_files as files
import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift import _core

CUT = r"model\.gguf: the file was cut short while in use"
IDS = [1, 2, 3, 4, 5, 6, 7, 8]
EXAMPLE = vs.Example(np.array(IDS), np.array(IDS))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    config = files.gguf_config(hidden_size=128, intermediate_size=192)
    weights = files.random_weights(config)
    metadata = files.tokenizer_metadata()
    path = tmp_path / "model.gguf"
    return files.write_gguf(
        path, config, weights, quantization="Q8_0", metadata=metadata
    )


def mapped_model(path: Path) -> vs.CausalLM:
    model = vs.CausalLM.from_pretrained(path, dtype="gguf")
    model.add_adapter(vs.LoRAConfig(r=2), seed=1)
    return model


def train(model: vs.CausalLM, folder: Path) -> Any:
    arguments = vs.TrainingArguments(
        str(folder), save_strategy="no", disable_tqdm=True, num_train_epochs=1
    )
    return vs.Trainer(
        model, arguments, train_dataset=[EXAMPLE] * 4, method=vs.Vaccine(rho=1.0)
    ).train()


def save_whole(model: vs.CausalLM, folder: Path) -> None:
    model.remove_adapter()
    model.save_pretrained(folder, dtype="float32")


OPERATIONS: dict[str, Callable[[vs.CausalLM, Path], Any]] = {
    "logits": lambda model, _: model.logits(IDS),
    "loss": lambda model, _: model.loss(vs.Batch.pack([EXAMPLE])),
    "training": train,
    "generation": lambda model, _: model.generate_ids([IDS], max_new_tokens=4),
    "embeddings": lambda model, _: model.hidden_states(vs.Batch.pack([EXAMPLE])),
    "merging": lambda model, _: model.merge_adapter(),
    "saving": save_whole,
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_operation_of_a_model_whose_file_is_cut_short_ends_the_interpreter(
    path: Path, tmp_path: Path, name: str, threads: int
) -> None:
    before = _core.get_num_threads()
    vs.set_num_threads(threads)
    try:
        model = mapped_model(path)
        os.truncate(path, 8192)
        with pytest.raises(OSError, match=CUT):
            OPERATIONS[name](model, tmp_path / "out")
        for operation in OPERATIONS.values():
            with pytest.raises(OSError, match=CUT):
                operation(model, tmp_path / "out")
        assert not (tmp_path / "out" / "model.safetensors").exists()
    finally:
        vs.set_num_threads(before)


class Cut(vs.TrainerCallback):
    """Cuts the file short after the first step."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_step_end(self, args, state, control, **kwargs):
        os.truncate(self.path, 100)


def test_what_was_trained_can_be_saved_after_the_file_is_cut_short(
    path: Path, tmp_path: Path
) -> None:
    shutil.copy(path, tmp_path / "copy.gguf")
    model = mapped_model(path)
    arguments = vs.TrainingArguments(
        str(tmp_path / "run"), save_strategy="no", disable_tqdm=True, max_steps=3
    )
    trainer = vs.Trainer(
        model, arguments, train_dataset=[EXAMPLE] * 8, callbacks=[Cut(path)]
    )
    with pytest.raises(OSError, match=CUT):
        trainer.train()
    model.save_adapter(tmp_path / "adapter")
    saved = vs.CausalLM.from_pretrained(tmp_path / "copy.gguf", dtype="gguf")
    saved.load_adapter(tmp_path / "adapter")
    # One step, as a trainer takes it that is told to stop there.
    other = mapped_model(tmp_path / "copy.gguf")
    vs.Trainer(
        other,
        vs.TrainingArguments(
            str(tmp_path / "other"), save_strategy="no", disable_tqdm=True, max_steps=3
        ),
        train_dataset=[EXAMPLE] * 8,
        callbacks=[Stop()],
    ).train()
    for name, values in other.adapter_state().items():
        np.testing.assert_array_equal(saved.adapter_state()[name], values)


class Stop(vs.TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        control.should_training_stop = True


def test_the_end_of_the_last_page_counts_although_it_reads_without_a_fault(
    path: Path,
) -> None:
    size = path.stat().st_size
    assert size % 4096 > 8
    model = mapped_model(path)
    os.truncate(path, size - 8)
    with pytest.raises(OSError, match=CUT):
        model.logits(IDS)
    # It stays so, whatever the file becomes.
    os.truncate(path, size)
    with pytest.raises(OSError, match=CUT):
        model.logits(IDS)


def test_other_files_are_not_concerned(path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path / "other.gguf")
    other = mapped_model(tmp_path / "other.gguf")
    expected = other.logits(IDS)
    first, second = mapped_model(path), mapped_model(path)
    os.truncate(path, 8192)
    for model in (first, second):
        with pytest.raises(OSError, match=CUT):
            model.logits(IDS)
    np.testing.assert_array_equal(other.logits(IDS), expected)
    del first, second, model
    # Where a file was mapped that is gone, another may be now.
    (tmp_path / "other.gguf").replace(path)
    np.testing.assert_array_equal(mapped_model(path).logits(IDS), expected)


def test_a_file_that_is_replaced_or_deleted_is_not_cut_short(path: Path) -> None:
    model = mapped_model(path)
    expected = model.logits(IDS)
    path.with_name("new").write_bytes(b"short")
    path.with_name("new").replace(path)
    np.testing.assert_array_equal(model.logits(IDS), expected)
    path.unlink()
    np.testing.assert_array_equal(model.logits(IDS), expected)


def test_no_thread_of_the_core_blocks_the_signal(path: Path) -> None:
    before = _core.get_num_threads()
    vs.set_num_threads(2)
    mapped_model(path).logits(IDS * 4)
    vs.set_num_threads(before)
    for task in Path("/proc/self/task").iterdir():
        status = (task / "status").read_text()
        if "jemalloc" not in status:  # Arrow's, which reads no files
            blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
            assert not blocked >> (signal.SIGBUS - 1) & 1


# MARK: The type


def test_a_mapped_file_is_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    mapped = _core.MappedFile(path)
    path.unlink()
    assert bytes(memoryview(mapped)) == b"abc"
    assert memoryview(mapped).readonly
    _core.check_mapped(np.asarray(mapped))
    _core.check_mapped(io.BytesIO(b"other").getbuffer())


@pytest.mark.parametrize("kind", ["empty", "directory", "pipe"])
def test_what_cannot_be_mapped_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.touch()
    with pytest.raises(ValueError, match="must be a file that is not empty"):
        _core.MappedFile(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        _core.MappedFile(tmp_path / "nothing")
    with pytest.raises(TypeError):
        _core.MappedFile(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="null"):
        _core.MappedFile("a\0b")


def test_maps_come_and_go_without_growing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(10_000))
    open_files = sum(1 for _ in Path("/proc/self/fd").iterdir())
    for count in range(300):
        held = [_core.MappedFile(path) for _ in range(count % 7)]
        assert all(np.asarray(each).size == 10_000 for each in held)
    del held
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == open_files
