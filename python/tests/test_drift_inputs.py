"""Arrays, ids and groups from where people have them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from vaccine_swift import drift
from vaccine_swift.drift.rows import rows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype(np.float32)
Y = X + 0.1 * RNG.normal(size=X.shape).astype(np.float32)


class OnlyDLPack:
    """What a library without numpy offers."""

    def __init__(self, array) -> None:
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class OnlyArray:
    """What numpy makes an array of."""

    def __init__(self, array) -> None:
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return self._array


class OnlyStream:
    """A stream of Arrow of a library without Python's arrays."""

    def __init__(self, array) -> None:
        self._of = as_table(array).to_reader(max_chunksize=5)

    def __arrow_c_stream__(self, requested_schema=None):
        return self._of.__arrow_c_stream__(requested_schema)


class OnlyColumn:
    """A column that streams, as nanoarrow's."""

    def __init__(self, array) -> None:
        self._of = as_chunks(array)

    def __arrow_c_stream__(self, requested_schema=None):
        return self._of.__arrow_c_stream__(requested_schema)


class Tensor:
    """A stand-in for a tensor that requires grad, of float32 or bfloat16."""

    def __init__(self, array, *, dtype="torch.float32", detached=False) -> None:
        self._array, self.dtype, self._detached = array, dtype, detached

    def detach(self):
        return Tensor(self._array, dtype=self.dtype, detached=True)

    def cpu(self):
        return self

    def float(self):
        return Tensor(self._array, detached=self._detached)

    def __array__(self, dtype=None, copy=None):
        if not self._detached:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self.dtype != "torch.float32":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self._array


def as_series(values):
    return pytest.importorskip("pandas").Series(list(values), dtype=object)


def as_arrow(values):
    pa = pytest.importorskip("pyarrow")
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def as_chunks(values):
    pa = pytest.importorskip("pyarrow")
    return pa.chunked_array([as_arrow(values[:5]), as_arrow(values[5:])])


def as_large_lists(values):
    pa = pytest.importorskip("pyarrow")
    return pa.array(list(values), pa.large_list(pa.float32()))


def as_frame(values):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(values, index=[f"p{k}" for k in range(len(values))])


def as_frame_of_vectors(values):
    return pytest.importorskip("pandas").DataFrame({"embedding": list(values)})


def as_table(values):
    return pytest.importorskip("pyarrow").table({"embedding": as_arrow(values)})


def as_reader(values):
    return as_table(values).to_reader(max_chunksize=5)


def as_data_set(values):
    return pytest.importorskip("pyarrow.dataset").dataset(as_table(values))


def as_memory_map(values):
    with tempfile.TemporaryFile() as file:
        file.write(values.tobytes())
        file.flush()
        return np.memmap(file, values.dtype, "r", shape=values.shape)


def as_polars(values):
    return pytest.importorskip("polars").Series(values.tolist())


def as_polars_array(values):
    polars = pytest.importorskip("polars")
    return polars.Series(values, dtype=polars.Array(polars.Float32, values.shape[1]))


def as_polars_frame(values):
    return pytest.importorskip("polars").DataFrame({"embedding": values.tolist()})


FORMS = [
    OnlyDLPack,
    OnlyArray,
    OnlyStream,
    OnlyColumn,
    as_reader,
    as_data_set,
    as_memory_map,
    Tensor,
    lambda values: Tensor(values, dtype="torch.bfloat16"),
    as_series,
    as_arrow,
    as_chunks,
    as_large_lists,
    as_frame,
    as_frame_of_vectors,
    as_table,
    as_polars,
    as_polars_array,
    as_polars_frame,
    list,
    memoryview,
]


@pytest.mark.parametrize("form", FORMS)
def test_an_array_in_another_form_gives_the_same_numbers(form) -> None:
    np.testing.assert_array_equal(rows(form(X), "x"), X)
    expected = drift.energy_distance(X, Y, permutations=9)
    found = drift.energy_distance(form(X), form(Y), permutations=9)
    assert found.statistic == expected.statistic
    plain, other = drift.Accumulator(4), drift.Accumulator(4)
    plain.update(X, Y, ids=range(12))
    other.update(form(X), form(Y), ids=range(12))
    assert (
        other.report(tests=[]).to_dict()["layers"]
        == plain.report(tests=[]).to_dict()["layers"]
    )


def test_a_memory_map_is_not_copied(tmp_path) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(rows(mapped, "x"), mapped)
    assert drift.hed(mapped, Y) == drift.hed(X, Y)


@pytest.mark.parametrize("form", [OnlyDLPack, Tensor, as_arrow])
def test_a_list_of_layers_in_another_form_is_taken(form) -> None:
    plain, other = drift.Accumulator(4, layers=2), drift.Accumulator(4, layers=2)
    plain.update(np.stack([X, Y]), np.stack([Y, X]), ids=range(12))
    other.update([form(X), form(Y)], [form(Y), form(X)], ids=range(12))
    content = other.report(tests=[]).to_dict()
    assert content["layers"] == plain.report(tests=[]).to_dict()["layers"]


def with_columns(**columns):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({f"x{k}": X[:, k] for k in range(4)} | columns)


def an_arrow_table_with_a_label():
    pa = pytest.importorskip("pyarrow")
    return pa.table({"label": np.arange(12), "embedding": as_arrow(X)})


def a_csr_matrix():
    return pytest.importorskip("scipy.sparse").csr_matrix(X)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: with_columns(row_no=np.arange(12)), TypeError, "'row_no' are no part"),
        (lambda: with_columns(score=X[:, 0]), TypeError, "'score' are no part"),
        (an_arrow_table_with_a_label, TypeError, "'label' are no part"),
        (lambda: np.ma.masked_greater(X, 1.0), ValueError, "masked elements"),
        (a_csr_matrix, TypeError, "toarray"),
        (lambda: as_series([*X[:3], X[0, :2]]), ValueError, "row 3 [2]"),
        (lambda: as_series([*X[:3], None]), TypeError, "row 3 is None"),
        (lambda: Tensor(X, dtype="torch.float8_e5m2"), TypeError, "x.float()"),
        (lambda: np.array(["a"]), TypeError, "real numbers"),
    ],
)
def test_what_cannot_be_taken_names_the_remedy(make, error, words) -> None:
    with pytest.raises(error) as caught:
        rows(make(), "x")
    assert words in str(caught.value)
    assert "x" in str(caught.value)


@pytest.mark.parametrize("path", ["last.parquet", Path("weeks") / "last.npy"])
@pytest.mark.parametrize(
    "take",
    [
        lambda path: drift.two_sample(path, Y),
        lambda path: drift.mmd(X, path),
        lambda path: drift.Accumulator(4).update(path, Y, ids=range(12)),
        lambda path: drift.Windows(path),
        lambda path: drift.DriftDetector().fit(path),
        lambda path: drift.hed(path, Y),
    ],
)
def test_a_path_in_place_of_an_array_is_told_how_to_read_it(path, take) -> None:
    with pytest.raises(TypeError, match=r"got the path .*last\.\w+: read it first"):
        take(path)


@pytest.mark.parametrize("form", [OnlyDLPack, Tensor, as_arrow, as_series])
def test_embedding_drift_and_directions_take_the_same_forms(form) -> None:
    assert drift.hed(form(X), form(Y)) == drift.hed(X, Y)
    plain = drift.Accumulator(4, tier="full", energy={"first": X[:2]})
    other = drift.Accumulator(4, tier="full", energy={"first": form(X[:2])})
    for each in (plain, other):
        each.update(X, Y, ids=range(12))
    contents = [each.report(tests=[]).to_dict()["layers"] for each in (plain, other)]
    assert contents[0] == contents[1]
