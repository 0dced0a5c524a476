"""``vaccine-swift drift --sort``: rows of the same prompts in different orders."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vaccine_swift import drift
from vaccine_swift.cli import main

pa = pytest.importorskip("pyarrow")

RNG = np.random.default_rng(7)
X = RNG.normal(size=(120, 5)).astype(np.float32)
Y = X + 0.2 * RNG.normal(size=X.shape).astype(np.float32)
IDS = np.repeat([f"p{k:02}" for k in range(40)], 3)
KINDS = np.where(np.arange(120) < 60, "a", "b")


def shuffled(seed: int) -> np.ndarray:
    """An order of the rows in which those of a prompt keep theirs."""
    places = np.random.default_rng(seed).permutation(120)
    prompts = IDS[places]
    order = np.empty(120, int)
    for name in np.unique(IDS):
        order[prompts == name] = np.flatnonzero(name == IDS)
    return order


@pytest.fixture
def folder(tmp_path, monkeypatch):
    from pyarrow import parquet

    monkeypatch.chdir(tmp_path)
    first, second = shuffled(0), shuffled(1)
    columns = {"key": IDS[first], "kind": KINDS[first], "x": list(X[first])}
    parquet.write_table(pa.table(columns), "a.parquet")
    np.savez("b.npz", key=IDS[second], x=Y[second])
    np.savez("layers.npz", key=IDS[second], x=np.stack([Y[second]] * 2))
    np.savez("narrow.npz", key=IDS[second], x=Y[second][:, :3])
    return tmp_path


def command(*words: str) -> int:
    return main(["drift", *words, "--sort", "--id-column", "key", "--json", "r.json"])


def test_the_numbers_are_those_of_rows_in_order(folder) -> None:
    assert command("a.parquet", "b.npz", "--group-by", "kind") == 0
    found = json.loads((folder / "r.json").read_text())
    whole = drift.Accumulator(5)
    whole.update(X, Y, ids=IDS, groups=KINDS)
    expected = whole.report().to_dict()
    for name in ("relative_drift", "cosine", "mean_shift", "hed_paper"):
        value = expected["layers"][0][name]["value"]
        assert found["layers"][0][name]["value"] == pytest.approx(value, rel=1e-12)
    for name, test in expected["tests"].items():
        assert found["tests"][name]["p_value"] == test["p_value"]
    assert {name: each["prompts"] for name, each in found["groups"].items()} == {
        "a": 20,
        "b": 20,
    }


def test_groups_of_a_file_and_other_widths_are_sorted_too(folder, capsys) -> None:
    (folder / "few.txt").write_text("p00\np39\n")
    assert command("a.parquet", "b.npz", "--group", "few=few.txt") == 0
    groups = json.loads((folder / "r.json").read_text())["groups"]
    delta = (Y - X)[np.isin(IDS, ["p00", "p39"])].astype(float)
    few = X[np.isin(IDS, ["p00", "p39"])].astype(float)
    assert groups["few"]["overall"]["relative_drift"]["value"] == pytest.approx(
        np.sqrt((delta**2).sum() / (few**2).sum())
    )
    capsys.readouterr()
    assert command("a.parquet", "narrow.npz") == 0
    assert capsys.readouterr().err.count("left out: 'kind'") == 1
    found = json.loads((folder / "r.json").read_text())["layers"][0]["cka"]["value"]
    assert found == pytest.approx(drift.cka(X, np.pad(Y[:, :3], ((0, 0), (0, 2)))))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ids: np.where(ids == "p07", "q", ids), "'p07' is in a.parquet and not"),
        (lambda ids: np.r_[ids[:-1], ["p00"]], "some are not as often in c.npz"),
        (lambda ids: np.arange(120.0), "--sort needs ids, text or whole numbers"),
        (lambda ids: ids.astype(object), "'key' holds Python objects, not ids"),
    ],
)
def test_ids_that_differ_are_told(folder, capsys, change, words) -> None:
    np.savez("c.npz", key=change(IDS), x=Y)
    assert command("a.parquet", "c.npz") == 2
    assert words in capsys.readouterr().err


def test_what_sorting_does_not_go_with_is_refused(folder, capsys) -> None:
    for words, told in (
        (
            ("--paired",),
            "--paired has no meaning for embeddings from files that are so",
        ),
        (("--memory", "1MB"), "--memory has no meaning"),
        (("--unpaired",), "--sort has no meaning for embeddings from files that are n"),
        (("--windows",), "--sort has no meaning for embeddings from windows"),
    ):
        assert command("a.parquet", "b.npz", *words) == 2
        assert told in capsys.readouterr().err
    assert main(["drift", "a.parquet", "b.npz", "--id-column", "key"]) == 2
    assert "by their ids, as --sort does in memory" in capsys.readouterr().err
