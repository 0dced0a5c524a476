"""Files from a stranger: one kind of refusal, and nothing touched outside them."""

from __future__ import annotations

import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drift_accumulators import filled
from training_support import trainer

from vaccine_swift import _core, drift
from vaccine_swift.drift.archive import checksum
from vaccine_swift.drift.files import read_embeddings
from vaccine_swift.drift.two_sample_report import TwoSampleReport
from vaccine_swift.files.directories import settle
from vaccine_swift.files.numpy_files import read_npz
from vaccine_swift.study.result import StudyResult
from vaccine_swift.training.checkpoint import Checkpoint
from vaccine_swift.training.position import Position
from vaccine_swift.training.state import TrainerState

DEEP = '{"a": ' + "[" * 100_000


def npy(header: str, content: bytes = b"\0" * 96) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


def header(descr: str = "'<f8'", shape: str = "(4, 3)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"


HEADERS = {
    "open": "{'descr': (",
    "deep": "(" * 300,
    "sum": "{1: 2} +",
    "objects": header("'|O'"),
    "names": header("[('a', '<f4')]"),
    "negative": header(shape="(-4, 3)"),
    "wrapped": header(shape=f"({2**62}, 8)"),
    "long": header(shape="(400000000, 3)"),
    "nothing": header("'V0'"),
}


def archive(path: Path, members: dict[str, bytes], method: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


@pytest.mark.parametrize("kind", HEADERS)
def test_headers_of_arrays(kind: str, tmp_path: Path) -> None:
    alone = tmp_path / "e.npy"
    alone.write_bytes(npy(HEADERS[kind]))
    with pytest.raises(ValueError, match=r"e\.npy cannot be read as npy: ."):
        read_embeddings(alone)
    packed = archive(tmp_path / "e.npz", {"x.npy": npy(HEADERS[kind])})
    with pytest.raises(ValueError, match=r"e\.npz"):
        read_embeddings(packed)
    with pytest.raises(ValueError, match=r"e\.npz"):
        drift.load(packed)


def test_members_that_are_no_arrays(tmp_path: Path) -> None:
    path = archive(tmp_path / "e.npz", {"id": b"text", "x.npy": npy(header())})
    with pytest.raises(ValueError, match="'id' is no array"):
        read_embeddings(path)


def test_an_archive_larger_than_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "e.npz"
    np.savez_compressed(path, x=np.zeros((4000, 3)))
    assert path.stat().st_size < 2000
    np.testing.assert_array_equal(read_embeddings(path).values, np.zeros((4000, 3)))
    monkeypatch.setattr(_core, "available_memory", lambda: 50_000)
    with pytest.raises(MemoryError, match=r"e\.npz holds 0 MB of arrays"):
        read_embeddings(path)


def test_arrays_come_back_as_numpy_wrote_them(tmp_path: Path) -> None:
    x = np.arange(12.0).reshape(3, 4)
    for array in (x, np.asfortranarray(x), x.astype(">f4"), x[:0], x.astype("f2")):
        np.savez(tmp_path / "e.npz", x=array)
        values = read_embeddings(tmp_path / "e.npz").values
        np.testing.assert_array_equal(values, array)
        assert values.dtype == array.dtype


def changed_accumulator(
    path: Path, change: Callable[[dict[str, Any], dict[str, np.ndarray]], object]
) -> Path:
    """A file whose checksum is right again after the change."""
    filled("full").save(path)
    with np.load(path) as file:
        arrays = dict(file)
    content = json.loads(arrays.pop("header").tobytes())
    content.pop("checksum")
    change(content, arrays)
    content["checksum"] = checksum(arrays, content)
    arrays["header"] = np.frombuffer(json.dumps(content).encode(), np.uint8)
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda h, a: a.pop("sketches"), "sketches"),
        (lambda h, a: h.pop("ids"), "ids"),
        (lambda h, a: h.pop("settings"), "settings"),
        (lambda h, a: h["settings"].update(width=2**62), "width must be in"),
        (lambda h, a: h["settings"].update(width=32768), "table|vector|paired"),
        (lambda h, a: h["settings"].update(folds="8"), "folds must be in"),
        (lambda h, a: h["settings"].update(layers=True), "layers must be in"),
        (lambda h, a: h["settings"].update(tier="heavy"), "tier must be one of"),
        (lambda h, a: h.update(ids=h["ids"][::-1]), "keys must be those"),
        (lambda h, a: h.update(ids=5), "ids must be a list"),
        (lambda h, a: h.update(metadata=[]), "metadata"),
        (lambda h, a: a.update(keys=a["keys"].astype(float)), "keys must be uint64"),
        (lambda h, a: a.update(vector=a["vector"][:, :-1]), "vector must be float64"),
        (lambda h, a: a.update({"group:a": np.ones(3, bool)}), "group:a must be bool"),
        (lambda h, a: a.update({"energy:a": np.ones(3)}), "energy:a must be float64"),
    ],
)
def test_an_accumulator_that_lies_with_a_right_checksum(
    change: Callable[..., object], text: str, tmp_path: Path
) -> None:
    path = changed_accumulator(tmp_path / "a.npz", change)
    with pytest.raises(ValueError, match=rf"a\.npz is damaged: .*({text})"):
        drift.load(path)


def test_an_accumulator_may_not_be_compressed(tmp_path: Path) -> None:
    path = changed_accumulator(tmp_path / "a.npz", lambda h, a: None)
    drift.load(path)
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    archive(path, members, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="must not be compressed"):
        drift.load(path)


@pytest.mark.parametrize(
    "read",
    [
        drift.Report.load,
        TwoSampleReport.load,
        StudyResult.load,
        TrainerState.load_from_json,
    ],
)
def test_deep_nesting_is_refused(read: Callable[[Path], object], tmp_path: Path):
    path = tmp_path / "deep.json"
    path.write_text(DEEP)
    with pytest.raises(ValueError, match=r"deep\.json.*nested too deeply"):
        read(path)


@pytest.mark.parametrize(
    "change",
    [
        {"clean_loss_since_log": "7"},
        {"epoch": True},
        {"epoch": -1},
        {"micro_steps": 2**63},
        {"loss_sum": float("nan")},
        {"should_epoch_stop": 0},
        {"learning_rate": None},
    ],
)
def test_a_position_has_the_types_of_its_fields(change: dict[str, Any]) -> None:
    values = Position(loss_sum=1, clean_loss_since_log=None).to_dict()
    assert Position.from_dict(values) == Position(loss_sum=1, clean_loss_since_log=None)
    with pytest.raises(ValueError, match=f"{next(iter(change))} must be"):
        Position.from_dict(values | change)


def test_a_checkpoint_with_a_state_of_other_types(tmp_path: Path) -> None:
    trainer(tmp_path, save_strategy="steps", save_steps=3, max_steps=3).train()
    path = tmp_path / "checkpoint-3"
    (path / "SHA256SUMS").unlink()
    file = path / "training_args.json"
    file.write_text(
        json.dumps({k: v for k, v in json.loads(file.read_text()).items() if k != "id"})
    )
    Checkpoint.read(path)
    state = path / "trainer_state.json"
    content = json.loads(state.read_text())
    for change in ({"global_step": "3"}, {"global_step": 2**70}, {"log_history": {}}):
        state.write_text(json.dumps(content | change))
        with pytest.raises(ValueError, match=f"{next(iter(change))} must be"):
            Checkpoint.read(path)


@pytest.mark.parametrize("listed", [["../kept"], ["/kept"], [".."], [5], {}, "kept"])
def test_a_folder_may_not_delete_beyond_itself(listed: Any, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("kept")
    committed = tmp_path / "model" / ".committed-0"
    committed.mkdir(parents=True)
    (committed / ".obsolete").write_text(json.dumps(listed))
    (committed / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"\.obsolete is damaged: it must list names"):
        settle(tmp_path / "model")
    assert kept.read_text() == "kept"


def test_a_folder_may_not_take_files_through_a_link(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / ".obsolete").write_text("[]")
    (mine / "kept").write_text("kept")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / ".committed-0").symlink_to(mine)
    with pytest.raises(ValueError, match="must be a directory, got a link"):
        settle(tmp_path / "model")
    assert (mine / "kept").read_text() == "kept"


def test_an_arrow_file_whose_offsets_lie(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import feather

    table = pa.table({"x": pa.array([[1.0, 2.0]] * 4, pa.list_(pa.float32()))})
    feather.write_feather(table, tmp_path / "e.arrow", compression="uncompressed")
    data = (tmp_path / "e.arrow").read_bytes()
    offsets = struct.pack("<5i", 0, 2, 4, 6, 8)
    assert data.count(offsets) == 1
    for lie in ((0, 2, 4, 6, 2**30), (0, -2, 4, 6, 8), (4, 2, 0, 6, 8)):
        changed = data.replace(offsets, struct.pack("<5i", *lie))
        (tmp_path / "e.arrow").write_bytes(changed)
        with pytest.raises(ValueError, match=r"e\.arrow"):
            read_embeddings(tmp_path / "e.arrow")


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npz_takes_the_memory_of_its_arrays_once(tmp_path: Path, order: str) -> None:
    """What is refused for want of memory is measured by that."""
    rng = np.random.default_rng(0)
    values = np.asarray(rng.integers(0, 4, (1 << 13, 512)), np.float64, order=order)
    path = tmp_path / "packed.npz"
    np.savez_compressed(path, values=values, none=np.empty((0, 3), np.float32))
    tracemalloc.start()
    try:
        read = read_npz(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.25 * values.nbytes
    np.testing.assert_array_equal(read["values"], values)
    assert read["none"].shape == (0, 3)
