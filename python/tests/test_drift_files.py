"""Embeddings from npy, npz, safetensors and Parquet files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from vaccine_swift.drift.files import read_embeddings

LAYERS = np.random.default_rng(0).normal(size=(3, 6, 4)).astype(np.float32)
NAMES = ("layer.1", "layer.2", "layer.10")


def test_npy_is_mapped_not_read(tmp_path) -> None:
    np.save(tmp_path / "a.npy", LAYERS)
    found = read_embeddings(tmp_path / "a.npy")
    assert isinstance(found.values, np.memmap)
    np.testing.assert_array_equal(found.values, LAYERS)
    assert found.ids is None


@pytest.mark.parametrize("asked", [{"labels": "segment"}, {"column": "title"}])
def test_npy_has_no_columns_by_any_name(tmp_path, asked) -> None:
    np.save(tmp_path / "a.npy", LAYERS)
    with pytest.raises(ValueError, match=r"a\.npy has no columns: '(\w+)' cannot") as e:
        read_embeddings(tmp_path / "a.npy", **asked)
    assert f"{next(iter(asked.values()))!r} cannot be found; tables" in str(e.value)


def test_arrays_of_a_file_are_layers_in_natural_order(tmp_path) -> None:
    named = dict(zip(NAMES, LAYERS, strict=True))
    mixed = {name: named[name] for name in ("layer.10", "layer.1", "layer.2")}
    np.savez(tmp_path / "a.npz", ids=np.arange(6), **mixed)
    save_file(mixed, tmp_path / "a.safetensors")
    zipped = read_embeddings(tmp_path / "a.npz")
    np.testing.assert_array_equal(zipped.values, LAYERS)
    np.testing.assert_array_equal(zipped.ids, np.arange(6))
    tensors = read_embeddings(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(tensors.values, LAYERS)


def test_one_array_keeps_its_dimensions(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", LAYERS)
    save_file({"x": LAYERS.astype(np.float16)}, tmp_path / "a.safetensors")
    assert read_embeddings(tmp_path / "a.npz").values.shape == (3, 6, 4)
    halves = read_embeddings(tmp_path / "a.safetensors").values
    np.testing.assert_array_equal(halves, LAYERS.astype(np.float16))


def test_parquet_lists_and_numbers(tmp_path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    ids = [f"p{k}" for k in range(6)]
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(LAYERS[0].ravel()), 4)
    lists = {"id": ids, "b.2": list(LAYERS[1]), "b.1": fixed}
    parquet.write_table(pa.table(lists), tmp_path / "lists.parquet")
    found = read_embeddings(tmp_path / "lists.parquet")
    np.testing.assert_array_equal(found.values, LAYERS[:2])
    assert found.ids.tolist() == ids
    columns = {f"x{k}": LAYERS[0][:, k] for k in range(4)}
    parquet.write_table(pa.table(columns), tmp_path / "numbers.parquet")
    found = read_embeddings(tmp_path / "numbers.parquet")
    np.testing.assert_array_equal(found.values, LAYERS[0])
    assert found.ids is None


def broken(path: Path, name: str) -> Path:
    target = path / name
    if name == "pickled.npy":
        np.save(target, np.array([{}], object), allow_pickle=True)
    elif name == "shapes.npz":
        np.savez(target, a=LAYERS[0], b=LAYERS[1][:3])
    elif name == "empty.npz":
        np.savez(target)
    elif name in ("ragged.parquet", "holes.parquet"):
        pa = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        columns = {
            "ragged.parquet": {"x": [[1.0], [1.0, 2.0]]},
            "holes.parquet": {"x": [1.0, None]},
        }
        parquet.write_table(pa.table(columns[name]), target)
    else:
        target.write_bytes(b"no such thing")
    return target


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.txt", "must end in .npy, .npz, .safetensors, .parquet"),
        ("a.npy", "cannot be read as npy"),
        ("pickled.npy", "cannot be read as npy"),
        ("a.npz", "cannot be read as npz"),
        ("empty.npz", "must hold an array"),
        ("shapes.npz", "layers of one shape"),
        ("a.safetensors", "truncated or corrupt"),
        ("a.parquet", "cannot be read as Parquet"),
        ("ragged.parquet", "differ in length"),
        ("holes.parquet", "1 missing value"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(name, words, tmp_path) -> None:
    path = broken(tmp_path, name)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_embeddings(path)
    assert name in str(caught.value)
    assert words in str(caught.value)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.npy"):
        read_embeddings(tmp_path / "none.npy")
