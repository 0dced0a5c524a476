"""Files and directories appear whole or not at all."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import SafetensorError
from small_models import small, with_adapter

from vaccine_swift.files import (
    new_directory,
    new_file,
    remove_stale,
    staged_files,
    write_json,
    write_tensors,
    write_text,
)
from vaccine_swift.files.reading import read_whole


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


def test_what_another_process_is_writing_is_not_stale(tmp_path: Path) -> None:
    (tmp_path / ".unfinished-killed").mkdir()
    with new_file(tmp_path / "file") as beside:
        beside.write_text("half")
        remove_stale(tmp_path)
        write_text(tmp_path / "file", "another's")
        assert beside.read_text() == "half"
    assert (tmp_path / "file").read_text() == "half"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("what", ["file", "directory", "adapter"])
def test_any_save_clears_what_dead_processes_left_beside_it(
    tmp_path: Path, what: str
) -> None:
    for name in ("other.npz-0123", "adapter-4567", "loose"):
        (tmp_path / f".unfinished-{name}").mkdir()
        (tmp_path / f".unfinished-{name}" / "half").write_text("half")
    (tmp_path / ".unfinished-text").write_text("half")
    with new_file(tmp_path / "living") as beside:
        beside.write_text("kept")
        if what == "file":
            write_text(tmp_path / "file", "")
        elif what == "directory":
            with new_directory(tmp_path / "directory"):
                pass
        else:
            with_adapter(small()).save_adapter(tmp_path / "adapter")
        assert names(tmp_path) == [beside.parent.name, what]
    assert names(tmp_path) == sorted([what, "living"])
    assert (tmp_path / "living").read_text() == "kept"


def test_what_cannot_be_cleared_hinders_no_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".unfinished-another-user").mkdir()
    (tmp_path / ".unfinished-file").write_text("half")

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EPERM, "not yours")

    opened = os.open

    def refuse_to_open(path: object, *arguments: Any, **options: Any) -> int:
        if str(path).endswith("another-user"):
            refuse()
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse_to_open)
    monkeypatch.setattr(Path, "unlink", refuse)
    write_text(tmp_path / "file", "saved")
    assert (tmp_path / "file").read_text() == "saved"


@pytest.mark.parametrize("number", [errno.ENOTEMPTY, errno.EEXIST, errno.EPERM])
def test_of_two_writers_the_first_is_kept(tmp_path: Path, monkeypatch, number) -> None:
    """EPERM is what an SFTP server says of a name that is taken."""

    def refused(*arguments):
        raise OSError(number, os.strerror(number))

    with new_directory(tmp_path / "stage", replace=False) as late:
        (late / "text").write_text("late")
        with new_directory(tmp_path / "stage", replace=False) as early:
            (early / "text").write_text("early")
        monkeypatch.setattr(Path, "rename", refused)
    assert (tmp_path / "stage" / "text").read_text() == "early"
    assert names(tmp_path) == ["stage"]


def test_a_rename_that_is_refused_to_the_first_writer_is_an_error(
    tmp_path: Path, monkeypatch
) -> None:
    def refused(*arguments):
        raise PermissionError(errno.EPERM, "not here")

    (tmp_path / "stage").mkdir()
    monkeypatch.setattr(Path, "rename", refused)
    with (
        pytest.raises(PermissionError, match="not here"),
        new_directory(tmp_path / "stage", replace=False) as early,
    ):
        (early / "text").touch()
    assert names(tmp_path / "stage") == []


@pytest.mark.parametrize("times", [1, 6, 7])
def test_a_file_that_another_machine_replaced_is_read_anew(
    tmp_path: Path, monkeypatch, times: int
) -> None:
    """As NFS says of a cached name whose file is gone."""
    path, read = tmp_path / "file", Path.read_bytes
    path.write_bytes(b"present")
    left, waited = [times], []

    def stale(self: Path) -> bytes:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(self))
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", stale)
    monkeypatch.setattr(time, "sleep", waited.append)
    if times == 7:
        with pytest.raises(OSError, match="Stale file handle"):
            read_whole(path)
    else:
        assert read_whole(path) == b"present"
    assert len(waited) == min(times, 6)
    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "none")


def test_all_writers_give_the_permissions_of_the_umask(tmp_path: Path) -> None:
    former = os.umask(0o027)
    try:
        write_text(tmp_path / "text", "")
        write_json(tmp_path / "json", {})
        write_tensors(tmp_path / "tensors", {"x": np.zeros(1, np.float32)}, {})
        with new_directory(tmp_path / "directory") as stage:
            write_tensors(stage / "tensors", {"x": np.zeros(1, np.float32)}, {})
        model = with_adapter(small())
        model.save_adapter(tmp_path / "adapter")
        model.save_adapter(tmp_path / "directory")
    finally:
        os.umask(former)
    found = {path: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert len(found) == 10
    for path, mode in found.items():
        assert mode == (0o750 if path.is_dir() else 0o640), path


def test_the_disk_s_own_reason_is_kept(tmp_path: Path) -> None:
    def fail() -> None:
        with new_file(tmp_path / "file"):
            raise SafetensorError("Error: No space left on device (os error 28)")

    with pytest.raises(OSError, match="No space left on device") as caught:
        fail()
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / "file")
