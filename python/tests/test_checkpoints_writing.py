"""Files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vaccine_swift.checkpoints.writing import staged_files


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_new_directory_appears_with_all_its_files(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"
    with staged_files(target) as stage:
        (stage / "one").write_text("1")
        (stage / "one").chmod(0o600)
        assert not target.exists()
    assert (target / "one").read_text() == "1"
    assert names(target.parent) == ["b"]
    mask = os.umask(0)
    os.umask(mask)
    assert target.stat().st_mode & 0o777 == 0o777 & ~mask
    assert (target / "one").stat().st_mode & 0o777 == 0o666 & ~mask


def test_an_error_leaves_the_old_files(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "one").write_text("old")

    def fail() -> None:
        with staged_files(target) as stage:
            (stage / "one").write_text("new")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (target / "one").read_text() == "old"
    assert names(tmp_path) == ["target"]


def test_other_files_of_the_directory_stay(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target/other").write_text("mine")
    with staged_files(tmp_path / "target") as stage:
        (stage / "one").write_text("1")
    assert names(tmp_path / "target") == ["one", "other"]


def test_a_file_in_the_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError) as caught, staged_files(tmp_path / "file"):
        pass
    assert caught.value.filename == str(tmp_path / "file")
