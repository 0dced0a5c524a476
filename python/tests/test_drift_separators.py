"""Tables of embeddings that are text, and what separates their columns."""

from __future__ import annotations

from pathlib import Path

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
