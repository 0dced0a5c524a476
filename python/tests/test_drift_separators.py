"""Tables of embeddings that are text, and what separates their columns."""

from __future__ import annotations

import pytest

from vaccine_swift.drift.files import read_embeddings

pytest.importorskip("pyarrow")


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


def test_a_table_of_one_column_has_no_separator(tmp_path) -> None:
    (tmp_path / "a.csv").write_text("x\n0.5\n0.25\n")
    assert read_embeddings(tmp_path / "a.csv").values.tolist() == [[0.5], [0.25]]
