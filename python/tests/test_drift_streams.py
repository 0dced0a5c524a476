"""Rows that are read piece by piece, however many there are."""

from __future__ import annotations

import numpy as np
import pytest

from vaccine_swift import drift

RNG = np.random.default_rng(0)
ROWS, WIDTH = 600, 8
X = RNG.normal(size=(ROWS, WIDTH)).astype(np.float32)
Y = X + 0.1 * RNG.normal(size=X.shape).astype(np.float32)
IDS = np.repeat(np.arange(ROWS // 5), 5)
LANGUAGES = np.where(IDS < 40, "de", "en")
# Of the rows' memory as float64: 2 · 8 · 8 bytes each.
MEMORIES = [1, 128 * 64, "1MB"]


def table(values, **columns):
    pa = pytest.importorskip("pyarrow")
    cells = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), WIDTH)
    return pa.table({"embedding": cells, **columns})


def reader(values, size=77):
    return table(values, id=IDS).to_reader(max_chunksize=size)


class OnlyStream:
    """What a library without Python's arrays offers."""

    def __init__(self, of) -> None:
        self._of = of

    def __arrow_c_stream__(self, requested_schema=None):
        return self._of.__arrow_c_stream__(requested_schema)


def parquet(folder, name, values, rows=100):
    from pyarrow import parquet

    path = folder / f"{name}.parquet"
    parquet.write_table(table(values, id=IDS), path, row_group_size=rows)
    return path


def partitions(folder, name, values):
    from pyarrow import parquet

    for language in ("de", "en"):
        part = language == LANGUAGES
        inner = folder / name / f"language={language}"
        inner.mkdir(parents=True)
        parquet.write_table(table(values[part], id=IDS[part]), inner / "0.parquet")
    return folder / name


def arrow(folder, name, values):
    from pyarrow import feather

    feather.write_feather(
        table(values, id=IDS), folder / f"{name}.arrow", chunksize=90, compression="lz4"
    )
    return folder / f"{name}.arrow"


def npy(folder, name, values):
    np.save(folder / f"{name}.npy", values)
    return folder / f"{name}.npy"


def mapped(folder, name, values):
    return np.load(npy(folder, name, values), mmap_mode="r")


SOURCES = {
    "reader": lambda folder, name, values: reader(values),
    "only a stream": lambda folder, name, values: OnlyStream(reader(values, 50)),
    "table": lambda folder, name, values: table(values, id=IDS),
    "data frame": lambda folder, name, values: table(values, id=IDS).to_pandas(),
    "iterator": lambda folder, name, values: iter(np.array_split(values, 7)),
    "array": lambda folder, name, values: values,
    "file of npy": npy,
    "memory map": mapped,
    "file of Parquet": parquet,
    "folder of Parquet": partitions,
    "file of Arrow": arrow,
}
BARE = ("iterator", "array", "file of npy", "memory map")


def whole() -> drift.Accumulator:
    accumulator = drift.Accumulator(WIDTH, tier="full")
    accumulator.update(X, Y, ids=IDS)
    return accumulator


def assert_same(found: drift.Accumulator, expected: drift.Accumulator) -> None:
    """Prompt by prompt to the last bit, moments to 1e-12."""
    order = [np.argsort(each._state.all_keys) for each in (found, expected)]
    for name in ("table", "sketches"):
        one, other = (
            np.concatenate(getattr(each._state, name))[places]
            for each, places in zip((found, expected), order, strict=True)
        )
        np.testing.assert_array_equal(one, other)
    for name in ("vector", "paired"):
        one, other = (getattr(each._state, name) for each in (found, expected))
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)
    assert (found.rows, found.prompts) == (expected.rows, expected.prompts)


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_pieces_of_any_size_give_what_all_rows_give(source, memory, tmp_path) -> None:
    pytest.importorskip("pyarrow")
    name = next(name for name, value in SOURCES.items() if value is source)
    ids = IDS if name in BARE else None
    found = drift.Accumulator(WIDTH, tier="full")
    found.extend(
        source(tmp_path, "x", X), source(tmp_path, "y", Y), ids=ids, memory=memory
    )
    assert_same(found, whole())


def test_sides_of_different_kinds_are_paired(tmp_path) -> None:
    pytest.importorskip("pyarrow")
    found = drift.Accumulator(WIDTH, tier="full")
    found.extend(reader(X, 13), parquet(tmp_path, "y", Y), memory=9000)
    assert_same(found, whole())


def test_layers_come_as_arrays_and_as_columns(tmp_path) -> None:
    pa = pytest.importorskip("pyarrow")
    expected = drift.Accumulator(WIDTH, layers=2)
    expected.update(np.stack([X, Y]), np.stack([Y, X]), ids=IDS)
    of_arrays = drift.Accumulator(WIDTH, layers=2)
    halves = np.array_split(np.stack([X, Y]), 5, axis=1)
    of_arrays.extend(iter(halves), np.stack([Y, X]), ids=IDS, memory=9000)
    assert_same(of_arrays, expected)
    columns = [table(each).column(0) for each in (X, Y)]
    one = pa.table({"h.0": columns[0], "h.1": columns[1], "p": IDS})
    other = pa.table({"h.0": columns[1], "h.1": columns[0], "p": IDS})
    of_columns = drift.Accumulator(WIDTH, layers=2)
    of_columns.extend(
        one.to_reader(50), other.to_reader(70), ids="p", column="h.*", memory=9000
    )
    assert_same(of_columns, expected)


def test_groups_come_from_a_column_a_folder_masks_or_labels(tmp_path) -> None:
    pytest.importorskip("pyarrow")
    forms = [
        (reader_with_languages(), reader(Y), "language"),
        (partitions(tmp_path, "x", X), reader(Y), "language"),
        (reader(X), reader(Y), {"de": LANGUAGES == "de", "en": LANGUAGES == "en"}),
        (reader(X), reader(Y), LANGUAGES),
        (reader(X), reader(Y), LANGUAGES.tolist()),
    ]
    for reference, current, groups in forms:
        found = drift.Accumulator(WIDTH)
        found.extend(reference, current, groups=groups, memory=9000)
        assert found.groups == {"de": 40, "en": 80}


def reader_with_languages():
    return table(X, id=IDS, language=LANGUAGES.tolist()).to_reader(max_chunksize=50)


def test_a_data_set_and_a_scan_of_pyarrow_are_read(tmp_path) -> None:
    data = pytest.importorskip("pyarrow.dataset")
    x, y = partitions(tmp_path, "x", X), partitions(tmp_path, "y", Y)
    found = drift.Accumulator(WIDTH, tier="full")
    found.extend(
        data.dataset(x, partitioning="hive"), data.dataset(y).scanner(), memory=9000
    )
    assert_same(found, whole())


def test_rows_come_after_those_that_are_there() -> None:
    found = drift.Accumulator(WIDTH, tier="full")
    found.update(X[:100], Y[:100], ids=IDS[:100])
    found.extend(X[100:], Y[100:], ids=IDS[100:], memory=9000)
    assert_same(found, whole())


# What is wrong, with words of its message.
WRONG = {
    "sides differ in length": (
        lambda: {"current": Y[:-1]},
        "current must have the rows of reference, but ends after 599",
    ),
    "the other one is longer": (
        lambda: {"reference": X[:-7]},
        "reference must have the rows of current, but ends after 593",
    ),
    "no ids": (lambda: {"ids": None}, "ids must be given"),
    "few ids": (lambda: {"ids": IDS[:-1]}, "ids must have one id for each row"),
    "many ids": (
        lambda: {"ids": [*IDS.tolist(), 7]},
        "ids must have one id for each of 600 rows, got 601",
    ),
    "ids differ": (
        lambda: {"reference": reader(X), "current": reader_shifted(), "ids": None},
        "row 5 is of 1 in reference and of 120 in current",
    ),
    "a prompt comes back": (
        lambda: {"ids": np.tile(np.arange(120), 5)},
        "rows of a prompt must follow each other",
    ),
    "a late element is NaN": (
        lambda: {"current": late(np.nan)},
        "in rows 550 to 554, .*the first at row 0, column 3",
    ),
    "a width": (lambda: {"current": Y[:, :4]}, "current must be .*got shape"),
    "a batch of another width": (
        lambda: {"current": iter([Y[:50], Y[50:, :4]])},
        "batches must have one width",
    ),
    "an unknown column": (
        lambda: {"reference": reader(X), "ids": "nid"},
        "no column 'nid'. Did you mean 'id'",
    ),
    "memory": (lambda: {"memory": "much"}, "memory must be such as '256MB'"),
    "a missing list": (
        lambda: {"reference": with_a_missing_list()},
        "1 missing list, the first in row 301",
    ),
}


def late(value):
    changed = Y.copy()
    changed[550, 3] = value
    return changed


def reader_shifted():
    ids = IDS.copy()
    ids[5:10] = 120
    return table(Y, id=ids).to_reader(max_chunksize=60)


def with_a_missing_list():
    pa = pytest.importorskip("pyarrow")
    cells = X.tolist()
    cells[301] = None
    one = pa.table({"embedding": pa.array(cells, pa.list_(pa.float32()))})
    return one.to_reader(max_chunksize=100)


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_and_nothing_is_added(case) -> None:
    pytest.importorskip("pyarrow")
    changes, words = case
    accumulator = drift.Accumulator(WIDTH)
    accumulator.update(X[:5], Y[:5], ids=["before"] * 5)
    arguments = {"reference": X, "current": Y, "ids": IDS, "memory": 1280} | changes()
    with pytest.raises(ValueError, match=f"(?s){words}"):
        accumulator.extend(**arguments)
    assert (accumulator.rows, accumulator.prompts) == (5, 1)


def test_what_is_no_source_is_named() -> None:
    accumulator = drift.Accumulator(WIDTH)
    with pytest.raises(FileNotFoundError, match="nothing.parquet: no such file"):
        accumulator.extend("nothing.parquet", Y, ids=IDS)
    with pytest.raises(TypeError, match="ids must be a sequence, got int"):
        accumulator.extend(X, Y, ids=5)
    with pytest.raises(TypeError, match="progress must be a bool or a callable"):
        accumulator.extend(X, Y, ids=IDS, progress=3)


def test_a_folder_without_parquet_and_a_broken_file_are_named(tmp_path) -> None:
    pytest.importorskip("pyarrow")
    accumulator = drift.Accumulator(WIDTH)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="empty"):
        accumulator.extend(empty, Y, ids=IDS)
    for suffix in ("parquet", "arrow"):
        broken = tmp_path / f"broken.{suffix}"
        broken.write_bytes(b"PAR1 and nothing more")
        with pytest.raises(ValueError, match=f"broken.{suffix} cannot be read as"):
            accumulator.extend(broken, Y, ids=IDS)
    cut = parquet(tmp_path, "cut", X)
    content = bytearray(cut.read_bytes())
    content[1000:9000] = bytes(8000)
    cut.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"cut.parquet cannot be read as Parquet"):
        accumulator.extend(cut, Y, ids=IDS)
