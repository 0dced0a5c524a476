"""Tables of embeddings that are text, and what separates their columns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vaccine_swift import drift
from vaccine_swift.drift.files import read_embeddings

pa = pytest.importorskip("pyarrow")


def write_table(path: Path, columns: dict) -> Path:
    from pyarrow import csv, feather, parquet

    writers = {".csv": csv.write_csv, ".parquet": parquet.write_table}
    writers[".arrow"] = feather.write_feather
    writers[path.suffix](pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("suffix", "line", "words"),
    [
        (".csv", "id;x0;x1\n1;0,5;0,25\n", ["got ';' in 'id;x0;x1'", "with ','"]),
        (".csv", "id\tx0\n1\t0.5\n", ["got tabs in", "or call it .tsv"]),
        (".csv", '\ufeff"id"|"x0"\r\n1|0.5\r\n', ["got '|' in"]),
        (".csv", "1.5e-01 -2.5e+00\n0.5 0.25\n", ["got spaces in '1.5e-01"]),
        (".tsv", "id,x0\n1,0.5\n", ["by tabs, got ',' in", "call it .csv"]),
    ],
)
def test_another_separator_is_named(suffix, line, words, tmp_path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(ValueError, match="must have columns separated by") as caught:
        read_embeddings(path)
    assert all(part in str(caught.value) for part in words)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow"])
@pytest.mark.parametrize("beside", [{}, {"clicks": [1, 2]}, {"score": [0.5, 1.5]}])
def test_vectors_that_are_spelt_are_told(suffix, beside, tmp_path) -> None:
    """As a data frame with lists writes them to CSV."""
    columns = {"id": ["a", "b"], **beside, "vector": ["[0.5, 1.5]", "[2.5, 3.5]"]}
    path = write_table(tmp_path / f"a{suffix}", columns)
    for read in (read_embeddings, lambda at: drift.Accumulator(2).extend(at, at)):
        with pytest.raises(ValueError, match="'vector' spells vectors as text"):
            read(path)


def test_a_table_of_one_column_has_no_separator(tmp_path) -> None:
    (tmp_path / "a.csv").write_text("x\n0.5\n0.25\n")
    assert read_embeddings(tmp_path / "a.csv").values.tolist() == [[0.5], [0.25]]


def test_lines_of_json_are_a_table(tmp_path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"id": f"p{k}", "n": k, "vector": [k, 0.5]} for k in range(3)]
    rows[1]["kind"] = "odd"
    text = "\ufeff" + "".join(f"{json.dumps(row)}\r\n\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    found = read_embeddings(path)
    assert found.values.tolist() == [[0.0, 0.5], [1.0, 0.5], [2.0, 0.5]]
    assert found.ids.tolist() == ["p0", "p1", "p2"]
    assert found.left_out == ("n", "kind")
    brackets = {"id": "p3", "n": 3, "vector": [1.5, 2.5], "kind": "[{" * 900}
    path.write_text(f"{text}{json.dumps(brackets)}", encoding="utf-8")
    assert len(read_embeddings(path).values) == 4
    path.write_text(text, encoding="utf-8")
    assert read_embeddings(path, labels="n").labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at least one row"),
        ('{"x": [1.5]}\n{"x": [1.5]', "line 2 is not valid JSON"),
        ('{"x": [1.5]}\n[1.5]\n', "line 2 must be an object"),
        ('{"x": [1.5], "x": [2.5]}', "'x' is given twice"),
        ('{"x": ' + 400_000 * "[" + 400_000 * "]" + "}", "nested too deeply"),
        ('{"x": [1.5]}\n{"x": "a"}', "cannot be read"),
        ('{"x": [1.5]}\n{"x": {"y": 1}}', "cannot be read"),
        ('{"x": [1.5, 2.5]}\n{"x": [1.5]}', "row 0 has 2 elements, row 1 1"),
        ('{"x": [1.5]}\n{"y": [1.5]}', "several columns of vectors"),
        ('{"x": 1' + 400 * "0" + "}", "a.jsonl"),
        ('{"x": ' + 9 * "[" + "1.5" + 9 * "]" + "}", "no vectors of numbers"),
        ('{"x": ' + 900 * " [" + "1.5" + 900 * "]" + "}", "nested too deeply"),
    ],
)
def test_lines_of_json_that_are_no_table_are_refused(tmp_path, text, words) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_embeddings(path)


@pytest.mark.parametrize(("suffix", "comma"), [(".csv", ","), (".tsv", "\t")])
def test_numbers_without_names_lose_no_row(suffix, comma, tmp_path) -> None:
    """As numpy.savetxt writes them; a sign makes no column another one."""
    rows = np.random.default_rng(0).normal(size=(6, 5))
    path = tmp_path / f"a{suffix}"
    np.savetxt(path, rows, delimiter=comma)
    np.testing.assert_allclose(read_embeddings(path).values, rows, rtol=1e-15)
    accumulator = drift.Accumulator(5)
    accumulator.extend(path, path, ids=range(6))
    assert accumulator.rows == 6


@pytest.mark.parametrize("start", [0, 1])
def test_columns_that_are_counted_have_names(start, tmp_path) -> None:
    """As a data frame of an array has them, with its index or without."""
    rows = np.random.default_rng(0).normal(size=(6, 12))
    names = ",".join(str(start + k) for k in range(12))
    for index in ("", "index,"):
        lines = [
            index.replace("index", str(k)) + ",".join(map(repr, row.tolist()))
            for k, row in enumerate(rows)
        ]
        text = "\n".join([index.replace("index", "") + names, *lines])
        (tmp_path / "a.csv").write_text(text)
        np.testing.assert_array_equal(read_embeddings(tmp_path / "a.csv").values, rows)


@pytest.mark.parametrize("line", ["3,1,2", "0,2", "7", "0", "5,6,7", "p1,0.5,2"])
def test_first_lines_that_may_be_names_or_values_are_refused(line, tmp_path) -> None:
    (tmp_path / "a.csv").write_text(f"{line}\n{line}\n")
    expected = f"names of columns in its first line, got '{line}'"
    with pytest.raises(ValueError, match=expected):
        read_embeddings(tmp_path / "a.csv")
