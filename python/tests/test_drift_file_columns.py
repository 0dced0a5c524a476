"""Which columns of a table of embeddings are the embedding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from vaccine_swift import drift
from vaccine_swift.drift.files import read_embeddings

LAYERS = np.random.default_rng(0).normal(size=(3, 6, 4)).astype(np.float32)

VECTORS = LAYERS[0]
IDS = [f"p{k}" for k in range(6)]
BESIDE = {
    "row_no": np.arange(6),
    "label": np.array([0, 1, 0, 1, 0, 1], np.int8),
    "score": np.linspace(0, 1, 6),
    "text": list("abcdef"),
    "safe": [True] * 6,
}


def as_lists(kind: str):
    pa = pytest.importorskip("pyarrow")
    flat = pa.array(VECTORS.ravel())
    if kind == "fixed_size_list":
        return pa.FixedSizeListArray.from_arrays(flat, 4)
    offsets = pa.array(range(0, 25, 4), pa.int64() if "large" in kind else pa.int32())
    made = pa.LargeListArray if kind == "large_list" else pa.ListArray
    return made.from_arrays(offsets, flat)


def write_table(path: Path, columns: dict) -> Path:
    pa = pytest.importorskip("pyarrow")
    table = pa.table(columns)
    if path.suffix == ".parquet":
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    elif path.suffix == ".csv":
        pytest.importorskip("pyarrow.csv").write_csv(table, path)
    else:
        pytest.importorskip("pyarrow.feather").write_feather(table, path)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".feather"])
@pytest.mark.parametrize("kind", ["list", "large_list", "fixed_size_list"])
def test_the_one_list_column_is_the_embedding(kind, suffix, tmp_path) -> None:
    columns = {"id": IDS, **BESIDE, "vector": as_lists(kind)}
    columns["tokens"] = [[1, 2]] * 6
    found = read_embeddings(write_table(tmp_path / f"a{suffix}", columns))
    np.testing.assert_array_equal(found.values, VECTORS)
    assert found.columns == ("vector",)
    assert found.left_out == (*BESIDE, "tokens")
    assert found.ids.tolist() == IDS


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv"])
def test_numbers_beside_a_numbered_series_are_no_dimensions(suffix, tmp_path) -> None:
    series = {f"x{k}": VECTORS[:, k] for k in (0, 2, 1, 3)}
    series["x3"] = np.arange(6)
    columns = {"row_no": np.arange(6), **series, "score": np.linspace(0, 1, 6)}
    found = read_embeddings(write_table(tmp_path / f"a{suffix}", columns))
    assert found.columns == ("x0", "x2", "x1", "x3")
    np.testing.assert_allclose(found.values[:, :3], VECTORS[:, [0, 2, 1]], rtol=1e-6)
    assert found.left_out == ("row_no", "score")


def test_integers_beside_other_numbers_are_no_dimensions(tmp_path) -> None:
    columns = {"label": np.arange(6), "left": VECTORS[:, 0], "right": VECTORS[:, 1]}
    found = read_embeddings(write_table(tmp_path / "a.parquet", columns))
    np.testing.assert_array_equal(found.values, VECTORS[:, :2])
    assert found.left_out == ("label",)
    only = {"first": np.arange(6), "second": np.arange(6)}
    found = read_embeddings(write_table(tmp_path / "b.parquet", only))
    assert found.values.shape == (6, 2)


@pytest.mark.parametrize("name", [None, "row_no", "score"])
def test_the_index_of_a_data_frame_is_no_dimension(name, tmp_path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(VECTORS, columns=list("abcd"))
    frame.index = pandas.Index(np.linspace(5, 9, 6), name=name)
    frame.to_parquet(tmp_path / "a.parquet")
    found = read_embeddings(tmp_path / "a.parquet")
    np.testing.assert_array_equal(found.values, VECTORS)
    assert found.left_out == (name or "__index_level_0__",)


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        ([[1.0, 2.0], None, [3.0, 4.0]], "1 missing list, the first in row 1"),
        ([[1.0, 2.0], [3.0, 4.0], [None, 5.0]], "1 missing value, the first in row 2"),
        ([[1.0, 2.0], [3.0]], "row 0 has 2 elements, row 1 1"),
    ],
)
def test_a_list_that_is_missing_or_short_is_named(vectors, words, tmp_path) -> None:
    path = write_table(tmp_path / "a.parquet", {"x": vectors})
    with pytest.raises(ValueError, match=words):
        read_embeddings(path)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
@pytest.mark.parametrize("kind", ["list_view", "large_list_view", "tensor"])
def test_rarer_lists_are_the_embedding_too(kind, suffix, tmp_path) -> None:
    pa = pytest.importorskip("pyarrow")
    if kind == "tensor":
        tensor = pa.fixed_shape_tensor(pa.float32(), [4])
        made = pa.ExtensionArray.from_storage(tensor, as_lists("fixed_size_list"))
    else:
        made = pa.array(VECTORS.tolist(), getattr(pa, kind)(pa.float32()))
    path = write_table(tmp_path / f"a{suffix}", {**BESIDE, "vector": made})
    found = read_embeddings(path)
    np.testing.assert_array_equal(found.values, VECTORS)
    assert found.columns == ("vector",)
    assert found.left_out == tuple(BESIDE)


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        ([[[0.0, 1.0], [2.0, 3.0]]] * 6, "'vector' holds lists that are no vectors"),
        ([[True, False]] * 6, "'vector' holds lists that are no vectors"),
        ([None, *["[0.25, -1e-3]"] * 5], "'vector' spells vectors as text"),
        (["[ 1.5 -2.25\n  3.5]"] * 6, "'vector' spells vectors as text"),
    ],
)
def test_numbers_beside_what_may_be_the_embedding_are_not_taken(
    vectors, words, tmp_path
) -> None:
    path = write_table(tmp_path / "a.parquet", {**BESIDE, "vector": vectors})
    with pytest.raises(ValueError, match=words):
        read_embeddings(path)
    assert read_embeddings(path, column="score").columns == ("score",)
    with pytest.raises(ValueError, match="'vector' holds no numbers"):
        read_embeddings(path, column="vector")


def test_bracketed_words_spell_no_vector(tmp_path) -> None:
    columns = {"score": np.linspace(0, 1, 6), "text": ["[sic] 1, 2", *["[1] see"] * 5]}
    path = write_table(tmp_path / "a.csv", columns)
    assert read_embeddings(path).columns == ("score",)


def test_several_list_columns_are_chosen_by_name(tmp_path) -> None:
    columns = {"title": list(LAYERS[0]), "body": list(LAYERS[1]), "n": np.arange(6)}
    path = write_table(tmp_path / "a.parquet", columns)
    with pytest.raises(ValueError, match=r"several columns .*'title', 'body'.*column"):
        read_embeddings(path)
    body = read_embeddings(path, column="body")
    np.testing.assert_array_equal(body.values, LAYERS[1])
    assert body.left_out == ("title", "n")
    both = read_embeddings(path, column=["body", "title"])
    np.testing.assert_array_equal(both.values, LAYERS[[1, 0]])
    with pytest.raises(ValueError, match="Did you mean 'title'"):
        read_embeddings(path, column="titel")
    with pytest.raises(ValueError, match="lists or numbers, got both"):
        read_embeddings(path, column=["body", "n"])


def test_several_series_of_numbers_are_chosen_by_a_pattern(tmp_path) -> None:
    columns = {f"{name}{k}": VECTORS[:, k] for name in "xy" for k in range(4)}
    path = write_table(tmp_path / "a.csv", columns)
    with pytest.raises(ValueError, match="several series of number columns"):
        read_embeddings(path)
    found = read_embeddings(path, column="y*")
    assert found.columns == ("y0", "y1", "y2", "y3")
    np.testing.assert_allclose(found.values, VECTORS, rtol=1e-6)


def test_labels_counts_and_objects_of_an_archive_are_left_out(tmp_path) -> None:
    beside = {"label": np.arange(6), "tokens": np.ones((6, 9), np.int32)}
    np.savez(tmp_path / "a.npz", x=VECTORS, id=np.array(IDS), **beside, title="odd")
    with (tmp_path / "b.npz").open("wb") as file:
        np.savez(file, x=VECTORS, texts=np.array([{}] * 6, object))
    save_file({"x": VECTORS, **beside}, tmp_path / "a.safetensors")
    found = read_embeddings(tmp_path / "a.npz")
    np.testing.assert_array_equal(found.values, VECTORS)
    assert found.left_out == ("label", "tokens", "title")
    assert found.ids.tolist() == IDS
    assert read_embeddings(tmp_path / "b.npz").left_out == ("texts",)
    tensors = read_embeddings(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(tensors.values, VECTORS)
    assert tensors.left_out == ("label", "tokens")
    save_file(
        {"x": VECTORS.astype(float), "ids": np.arange(6)}, tmp_path / "d.safetensors"
    )
    doubles = read_embeddings(tmp_path / "d.safetensors")
    np.testing.assert_array_equal(doubles.values, VECTORS.astype(float))
    np.testing.assert_array_equal(doubles.ids, np.arange(6))
    chosen = read_embeddings(tmp_path / "a.npz", column="tokens")
    assert chosen.values.shape == (6, 9)
    with pytest.raises(ValueError, match="holds no numbers"):
        read_embeddings(tmp_path / "b.npz", column="texts")


def test_two_sides_in_one_archive_are_not_layers(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", reference=LAYERS[0], current=LAYERS[1])
    with pytest.raises(ValueError, match="'reference', 'current'"):
        read_embeddings(tmp_path / "a.npz")


def test_two_columns_of_one_name_are_refused(tmp_path) -> None:
    (tmp_path / "a.csv").write_text("x,y,x\n1.5,2.5,3.5\n")
    with pytest.raises(ValueError, match="two columns of the name 'x'"):
        read_embeddings(tmp_path / "a.csv")


def test_labels_are_read_beside_the_embedding(tmp_path) -> None:
    columns = {"x": list(VECTORS), "segment": list("aabbcc"), "n": np.arange(6)}
    path = write_table(tmp_path / "a.parquet", columns)
    found = read_embeddings(path, labels="segment")
    assert found.labels.tolist() == list("aabbcc")
    assert found.left_out == ("n",)
    with pytest.raises(ValueError, match="Did you mean 'segment'"):
        read_embeddings(path, labels="segmet")
    with (tmp_path / "b.npz").open("wb") as file:
        np.savez(file, x=VECTORS, segment=np.array([{}] * 6, object))
    with pytest.raises(ValueError, match="'segment' holds Python objects"):
        read_embeddings(tmp_path / "b.npz", labels="segment")


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv"])
@pytest.mark.parametrize("beside", [{}, {"text": list("abcdef")}])
def test_integers_alone_are_taken_for_no_embedding(suffix, beside, tmp_path) -> None:
    path = write_table(tmp_path / f"a{suffix}", {"index": np.arange(6), **beside})
    with pytest.raises(ValueError, match="no numbers but the integers of 'index'"):
        read_embeddings(path)
    found = read_embeddings(path, column="index")
    np.testing.assert_array_equal(found.values, np.arange(6)[:, np.newaxis])


@pytest.mark.parametrize("dtype", [int, float])
def test_arrays_of_one_dimension_are_no_embedding(dtype, tmp_path) -> None:
    arrays = {"id": np.arange(6), "n": np.arange(6, dtype=dtype)}
    np.savez(tmp_path / "a.npz", **arrays)
    save_file(arrays, tmp_path / "a.safetensors")
    for name in ("a.npz", "a.safetensors"):
        with pytest.raises(ValueError, match="N, d.*, got 'n' with one dimension"):
            read_embeddings(tmp_path / name)


def test_a_stream_of_integers_alone_is_no_side(tmp_path) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"id": IDS, "clicks": np.arange(6)})
    accumulator = drift.Accumulator(width=1)
    with pytest.raises(ValueError, match="reference has no vectors.* 'clicks'"):
        accumulator.extend(table.to_reader(), table.to_reader())
    accumulator.extend(table.to_reader(), table.to_reader(), column="clicks")
    assert accumulator.prompts == 6


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".csv", ".tsv"])
def test_ids_and_groups_have_any_name(suffix, tmp_path) -> None:
    pytest.importorskip("pyarrow")
    codes = np.array([7, 7, 5, 5, 3, 3])
    for name, values in (("a", VECTORS), ("b", VECTORS + 0.5)):
        path = tmp_path / f"{name}{suffix}"
        if suffix in (".npz", ".safetensors"):
            arrays = {"x": values, "prompt": codes, "kind": codes // 6}
            np.savez(path, **arrays) if suffix == ".npz" else save_file(arrays, path)
        else:
            comma = {".csv": ",", ".tsv": "\t"}[suffix]
            rows = np.column_stack([codes, values, codes // 6])
            header = comma.join(["prompt", "x0", "x1", "x2", "x3", "kind"])
            np.savetxt(path, rows, "%.9g", comma, header=header, comments="")
    accumulator = drift.Accumulator(width=4)
    accumulator.extend(
        tmp_path / f"a{suffix}", tmp_path / f"b{suffix}", ids="prompt", groups="kind"
    )
    assert accumulator.prompts == 3
    assert accumulator.groups == {"0": 2, "1": 1}
    rms = accumulator.report(tests=[]).to_dict()["overall"]["rms"]["value"]
    assert rms == pytest.approx(0.5, rel=1e-6)
    with pytest.raises(ValueError, match="Did you mean 'prompt'"):
        accumulator.extend(path, path, ids="promt")


def test_a_column_of_groups_needs_columns(tmp_path) -> None:
    np.save(tmp_path / "a.npy", VECTORS)
    for side in (VECTORS, iter([VECTORS]), tmp_path / "a.npy"):
        accumulator = drift.Accumulator(width=4)
        with pytest.raises(ValueError, match=r"has no columns.*language"):
            accumulator.extend(side, VECTORS, ids=IDS, groups="language")
        assert accumulator.prompts == 0
