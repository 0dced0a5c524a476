"""``vaccine-swift drift`` on folders of Parquet files, read piece by piece."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vaccine_swift import drift
from vaccine_swift.cli import main

RNG = np.random.default_rng(2)
X = RNG.normal(size=(300, 6)).astype(np.float32)
Y = X + 0.2 * RNG.normal(size=X.shape).astype(np.float32)
IDS = np.repeat(np.arange(100), 3)
LANGUAGES = np.where(IDS < 30, "de", "en")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    monkeypatch.chdir(tmp_path)
    for name, values in (("before", X), ("after", Y)):
        for language in ("de", "en"):
            part = language == LANGUAGES
            inner = tmp_path / name / f"language={language}"
            inner.mkdir(parents=True)
            cells = pa.FixedSizeListArray.from_arrays(pa.array(values[part].ravel()), 6)
            columns = {"id": IDS[part], "embedding": cells, "note": ["x"] * part.sum()}
            parquet.write_table(pa.table(columns), inner / "0.parquet")
    return tmp_path


def test_the_numbers_are_those_of_the_api(folders, capsys) -> None:
    words = ["drift", "before", "after", "--group-by", "language", "--json", "r.json"]
    assert main(words) == 0
    told = capsys.readouterr().err
    assert "the embedding is 'embedding'; left out: 'note'" in told
    assert "'language'" not in told
    expected = drift.Accumulator(6)
    expected.update(X, Y, ids=IDS, groups=LANGUAGES)
    wanted = expected.report().to_dict()
    found = json.loads((folders / "r.json").read_text())
    for name in ("relative_drift", "cosine", "mean_l2"):
        assert found["overall"][name] == pytest.approx(
            wanted["overall"][name], rel=1e-9
        )
    for name in ("signflip", "max_t", "contrast"):
        for key in ("statistic", "p_value"):
            value = wanted["tests"][name][key]
            assert found["tests"][name][key] == pytest.approx(value, rel=1e-9)
    assert set(found["groups"]) == {"de", "en"}


def test_the_exit_status_is_the_gate(folders, capsys) -> None:
    words = ["drift", "before", "after", "--permutations", "9"]
    assert main([*words, "--assert", "relative_drift<50%"]) == 0
    assert main([*words, "--assert", "relative_drift<1%"]) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["before", "short.npy"],
            "must have the rows of reference, but ends after 299",
        ),
        (["before", "after", "--ids", "short.npy"], "--ids has no meaning"),
        (["before", "after", "--column", "nothing"], "no column 'nothing'"),
        (["before", "empty"], "empty"),
    ],
)
def test_what_does_not_fit_is_told(folders, capsys, words, message) -> None:
    (folders / "empty").mkdir()
    np.save(folders / "short.npy", Y[:-1])
    assert main(["drift", *words]) == 2
    assert message in capsys.readouterr().err


def test_ids_of_folders_are_in_a_column_of_any_name(folders, capsys) -> None:
    from pyarrow import parquet

    for path in folders.glob("*/*/0.parquet"):
        table = parquet.ParquetFile(path).read()
        parquet.write_table(
            table.rename_columns(["key", *table.schema.names[1:]]), path
        )
    words = ["drift", "before", "after", "--tests", "none", "--json", "r.json"]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "which no column has: call it id, or name it by --id-column" in told
    assert main([*words, "--id-column", "key", "--group-by", "language"]) == 0
    content = json.loads((folders / "r.json").read_text())
    assert content["settings"]["prompts"] == 100
    assert content["groups"]["de"]["prompts"] == 30
