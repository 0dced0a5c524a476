"""Files and directories are old or new wherever the process that writes them dies."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from dying import killed_everywhere
from small_models import small

import vaccine_swift as vs
from vaccine_swift.files import (
    new_directory,
    remove_stale,
    settle,
    staged_files,
    write_text,
)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def put(directory: Path, content: str, **names: str) -> None:
    """Two files that belong together, and any others."""
    directory.mkdir(exist_ok=True)
    for name in ("config", "weights", *names):
        (directory / name).write_text(names.get(name, content))


def test_staged_files_are_all_old_or_all_new_wherever_the_process_dies(
    tmp_path: Path,
) -> None:
    target = tmp_path / "target"
    seen = set()

    def prepare() -> None:
        shutil.rmtree(target, ignore_errors=True)
        put(target, "old", other="mine", shard="old")

    def work() -> None:
        with staged_files(target, obsolete=["shard*"]) as stage:
            put(stage, "new")

    for _ in killed_everywhere(prepare, work):
        found = {each.name: each.read_text() for each in target.glob("[!.]*")}
        # What another program reads meanwhile is never a mixture.
        together = {found[name] for name in ("config", "weights") if name in found}
        assert len(together) <= 1
        settle(target)
        remove_stale(target)
        found = {each.name: each.read_text() for each in target.iterdir()}
        old = {"config": "old", "weights": "old", "other": "mine", "shard": "old"}
        new = {"config": "new", "weights": "new", "other": "mine"}
        assert found in (old, new)
        seen.add(found["config"])
    assert seen == {"old", "new"}


def test_a_replaced_directory_is_old_or_new_wherever_the_process_dies(
    tmp_path: Path,
) -> None:
    target = tmp_path / "target"
    seen = set()

    def prepare() -> None:
        shutil.rmtree(target, ignore_errors=True)
        put(target, "old", gone="old")

    def work() -> None:
        with new_directory(target) as stage:
            put(stage, "new")

    for _ in killed_everywhere(prepare, work):
        remove_stale(tmp_path)
        assert names(tmp_path) == ["target"]
        found = {each.name: each.read_text() for each in target.iterdir()}
        old = {"config": "old", "weights": "old", "gone": "old"}
        assert found in (old, {"config": "new", "weights": "new"})
        seen.add(found["config"])
    assert seen == {"old", "new"}


def test_a_file_is_old_or_new_and_no_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    seen = set()
    for _ in killed_everywhere(
        lambda: path.write_text("old"), lambda: write_text(path, "new")
    ):
        seen.add(path.read_text())
    assert seen == {"old", "new"}
    write_text(path, "last")
    assert names(tmp_path) == ["file"]


def test_an_older_adapter_is_replaced_whole_wherever_the_process_dies(
    tmp_path: Path,
) -> None:
    models = {rank: small() for rank in (2, 3)}
    for rank, model in models.items():
        model.add_adapter(vs.LoRAConfig(r=rank, target_modules=["q_proj"]), seed=rank)
    target = tmp_path / "adapter"
    found = set()
    reader = small()
    for _ in killed_everywhere(
        lambda: models[2].save_adapter(target), lambda: models[3].save_adapter(target)
    ):
        reader.load_adapter(target)
        rank = reader.adapter.r
        expected = models[rank].adapter_state()
        for name, value in reader.adapter_state().items():
            np.testing.assert_array_equal(value, expected[name])
        found.add(rank)
    assert found == {2, 3}
    models[2].save_adapter(target)
    assert names(target) == ["adapter_config.json", "adapter_model.safetensors"]
