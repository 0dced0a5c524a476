"""Commands write over nothing that they read, and options that repeat add up."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_support import ROWS, write_model, write_rows

from vaccine_swift.cli import main

TRAIN = ["--max-steps", "2", "--disable-tqdm"]


def run(*words: object) -> int:
    return main(list(map(str, words)))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(folder)): each.read_bytes()
        for each in sorted(folder.rglob("*"))
        if each.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_model(folder / "model")
    write_rows(folder / "rows.jsonl")
    for name in ("first", "second"):
        words = ["--model", folder / "model", "--data", folder / "rows.jsonl", *TRAIN]
        assert run("align", *words, "--output-dir", folder / name) == 0
    return folder


@pytest.fixture
def files(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "files"))


@pytest.fixture
def embeddings(tmp_path) -> Path:
    x = np.random.default_rng(0).normal(size=(40, 4))
    np.save(tmp_path / "a.npy", x)
    np.save(tmp_path / "b.npy", x + 0.1)
    ids = "".join(f"{k}\n" for k in range(40))
    (tmp_path / "ids.txt").write_text(ids, encoding="utf-8")
    (tmp_path / "low.txt").write_text("1\n2\n3\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("option", ["--html", "--json", "--junit"])
@pytest.mark.parametrize("name", ["a.npy", "b.npy", "ids.txt", "low.txt"])
def test_drift_writes_over_nothing_that_it_reads(
    embeddings, capsys, option, name
) -> None:
    before = contents(embeddings)
    words = [embeddings / "a.npy", embeddings / "b.npy", "--ids"]
    words += [embeddings / "ids.txt", "--group", f"low={embeddings / 'low.txt'}"]
    words += ["--assert", "cosine>0", option, embeddings / name]
    assert run("drift", *words) == 2
    told = capsys.readouterr().err
    assert f"{option} must not be the file of" in told
    assert name in told
    assert contents(embeddings) == before


def test_a_state_over_a_window_is_refused_also_by_another_name(
    embeddings, capsys
) -> None:
    before = contents(embeddings)
    (embeddings / "link.npz").symlink_to(embeddings / "b.npy")
    words = [embeddings / "a.npy", embeddings / "b.npy", "--windows"]
    assert run("drift", *words, "--state", embeddings / "link.npz") == 2
    assert "--state must not be the file of the embeddings" in capsys.readouterr().err
    assert contents(embeddings)["b.npy"] == before["b.npy"]


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        *itertools.product(
            ("--paired", "--unpaired", "--windows"), ("--html", "--json", "--junit")
        ),
        ("--windows", "--state"),
    ],
)
def test_drift_looks_at_where_results_go_before_it_reads(
    embeddings, capsys, monkeypatch, kind, option
) -> None:
    monkeypatch.setattr("vaccine_swift.cli.drift_files.read_embeddings", None)
    monkeypatch.setattr("vaccine_swift.cli.drift_pairs.side_of", None)
    before = contents(embeddings)
    words = [embeddings / "a.npy", embeddings / "b.npy", kind, "--assert", "cosine>0"]
    for place, told in (
        ("missing/out", f"{option} must lie in a directory that exists"),
        (".", f"{option} must be a file, got the directory"),
        ("a.npy/out", f"{option} must lie in a directory that exists"),
    ):
        assert run("drift", *words, option, embeddings / place) == 2
        assert told in capsys.readouterr().err
    assert contents(embeddings) == before


def test_two_results_are_not_written_to_one_file(embeddings, capsys) -> None:
    words = [embeddings / "a.npy", embeddings / "b.npy", "--unpaired"]
    words += ["--json", embeddings / "out", "--html", embeddings / "." / "out"]
    assert run("drift", *words) == 2
    assert "--json and --html must be two files" in capsys.readouterr().err
    assert not (embeddings / "out").exists()


def test_evaluate_keeps_the_rows_that_it_reads(files, capsys) -> None:
    rows = files / "rows.jsonl"
    before = rows.read_bytes()
    for option in ("--task", "--restricted", "--ordinary"):
        words = ["--model", files / "model", option, rows, "--json", rows]
        assert run("evaluate", *words) == 2
        told = capsys.readouterr().err
        assert f"--json must not be the file of {option}" in told
    assert rows.read_bytes() == before


REPAIR = ["repair", "--adapter", "first", "--alignment", "second", "--output-dir"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["merge", "--adapter", "first", "--output-dir", "first"], "--adapter"),
        (["merge", "--adapter", "first", "--output-dir", "model"], "--model"),
        (["align", "--output-dir", "model"], "--model"),
        (["align", "--adapter", "first", "--output-dir", "first"], "--adapter"),
        ([*REPAIR, "second"], "--alignment"),
        ([*REPAIR, "first"], "--adapter"),
    ],
)
def test_no_command_replaces_the_model_or_adapter_that_it_reads(
    files, capsys, words, told
) -> None:
    before = contents(files)
    made = {"first", "second", "model"}
    command = [files / word if word in made else word for word in words]
    if words[0] != "repair":
        command += ["--model", files / "model"]
    if words[0] == "align":
        command += ["--data", files / "rows.jsonl", *TRAIN]
    assert run(*command, "--overwrite") == 2
    err = capsys.readouterr().err
    assert f"--output-dir must not be the directory of {told} itself" in err
    assert contents(files) == before


def test_an_option_that_repeats_adds_to_what_was_given(files, capsys) -> None:
    more = write_rows(files / "more.jsonl", ROWS[:3])
    words = ["align", "--model", files / "model", *TRAIN, "--dry-run"]
    words += ["--data", files / "rows.jsonl", "--data", more]
    words += ["--target-modules", "q_proj", "--target-modules", "v_proj"]
    words += ["--output-dir", files / "out"]
    assert run(*words) == 0
    told = capsys.readouterr()
    assert "rows.jsonl: 6 of 6 rows kept" in told.out + told.err
    assert "more.jsonl: 3 of 3 rows kept" in told.out + told.err


def test_projections_that_are_named_one_by_one_are_all_adapted(files) -> None:
    words = ["align", "--model", files / "model", *TRAIN, "--data"]
    words += [files / "rows.jsonl", "--target-modules", "q_proj"]
    words += ["--target-modules", "v_proj", "--output-dir", files / "two"]
    assert run(*words) == 0
    config = (files / "two" / "adapter_config.json").read_text(encoding="utf-8")
    assert '"q_proj"' in config
    assert '"v_proj"' in config
    assert '"k_proj"' not in config
