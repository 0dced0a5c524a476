"""The command speaks of files and options, never of the API's arguments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vaccine_swift.cli import main

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

N = 60
LANGUAGE = np.array(["de", "en", "fr"])[np.arange(N) % 3]


def table(name: str, x: np.ndarray, language: np.ndarray = LANGUAGE) -> None:
    columns = {"embedding": list(x), "language": language}
    parquet.write_table(pa.table(columns), name)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, N, 4))
    np.save("a.npy", x)
    np.save("b.npy", y)
    np.save("wide.npy", np.hstack([y, y]))
    np.save("none.npy", x[:0])
    wrong = y.copy()
    wrong[7, 3] = np.nan
    np.save("nan.npy", wrong)
    objects = np.empty(N, object)
    objects[:] = list(x)
    np.save("objects.npy", objects, allow_pickle=True)
    np.save("mixed.npy", x.astype(object), allow_pickle=True)
    Path("text.npy").write_text("hello", encoding="utf-8")
    Path("empty.npy").touch()
    table("a.parquet", x)
    table("b.parquet", y)
    gaps = LANGUAGE.astype(object)
    gaps[5] = None
    table("gaps.parquet", y, gaps)
    table("new.parquet", y, np.where(LANGUAGE == "fr", "it", LANGUAGE))
    return tmp_path


def told(capsys, words: str, status: int = 2) -> str:
    assert main(["drift", *words.split()]) == status
    captured = capsys.readouterr()
    return captured.err if status == 2 else captured.out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("a.npy nan.npy --paired", "nan.npy must be finite"),
        ("nan.npy a.npy --paired", "nan.npy must be finite"),
        ("a.npy nan.npy --unpaired", "nan.npy must be finite"),
        ("nan.npy a.npy --unpaired", "nan.npy must be finite"),
        ("a.npy b.npy nan.npy --windows", "nan.npy must be finite"),
        ("nan.npy a.npy --windows", "nan.npy must be finite"),
        ("a.npy wide.npy --unpaired", "wide.npy must have the 4 columns of a.npy"),
        ("a.npy wide.npy --windows", "wide.npy must have the 4 columns of the ref"),
        ("none.npy b.npy --unpaired", "none.npy must not be empty"),
        ("b.npy none.npy --windows", "none.npy must not be empty"),
        (
            "a.parquet gaps.parquet --unpaired --group-by language",
            "gaps.parquet: --group-by language has no label in row 5",
        ),
        (
            "gaps.parquet a.parquet --windows --group-by language",
            "gaps.parquet: --group-by language has no label in row 5",
        ),
        ("objects.npy b.npy --paired", "holds Python objects, not numbers: save"),
        ("a.npy mixed.npy --unpaired", "holds Python objects, not numbers: save"),
        ("text.npy b.npy --paired", "text.npy cannot be read as npy: it is no npy"),
        ("empty.npy b.npy --windows", "empty.npy cannot be read as npy: it is no npy"),
        ("a.parquet b.npy", "'embedding' of a.parquet and the one array of b.npy"),
        ("a.parquet b.parquet --unpaired --group-by embedding", "got 'language'"),
        (
            "a.npy b.npy --unpaired --assert foo<1",
            "Known are p_value, mean_shift, ",
        ),
        (
            "a.npy b.npy --windows --assert foo<1",
            "Known are alarms, p_value, mean_shift, evidence, ",
        ),
    ],
)
def test_a_refusal_names_the_file_and_the_way_out(capsys, words, text) -> None:
    said = told(capsys, words)
    assert text in said
    assert "allow_pickle" not in said
    assert "--current" not in said


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--baseline control.json", "--baseline needs --html"),
        ("--bound high", "--bound needs --assert"),
        ("--json j.json --bound value", "--bound needs --assert"),
        ("--pool mean", "--pool has no meaning for embeddings from paired files"),
        ("--batch-size 4", "--batch-size has no meaning"),
        ("--engine torch", "--engine has no meaning"),
    ],
)
def test_options_that_would_change_nothing_are_refused(capsys, words, text) -> None:
    told(capsys, "a.npy b.npy --paired --json control.json", 0)
    assert text in told(capsys, f"a.npy b.npy --paired {words}")
    assert not Path("j.json").exists()


@pytest.mark.parametrize("kind", ["--unpaired", "--windows"])
@pytest.mark.parametrize(
    "option", ["--confidence 0.9", "--tier full", "--what mlp", "--max-length 9"]
)
def test_sets_have_no_intervals_tiers_or_models(capsys, kind, option) -> None:
    said = told(capsys, f"a.npy b.npy {kind} {option}")
    assert f"{option.split()[0]} has no meaning for embeddings from" in said
    told(capsys, f"a.npy b.npy {kind}", 0)


def test_ids_out_of_order_are_told_with_the_way_out(capsys) -> None:
    rng = np.random.default_rng(0)
    order = rng.permutation(N)
    x, ids = rng.normal(size=(N, 4)), np.array([f"u{k}" for k in range(N)])
    for name, places in (("one.parquet", np.arange(N)), ("two.parquet", order)):
        columns = {"embedding": list(x[places]), "id": ids[places]}
        parquet.write_table(pa.table(columns), name)
    row = int((order != np.arange(N)).argmax())
    said = told(capsys, "one.parquet two.parquet")
    assert f"row {row} is of 'u{row}' in reference and of 'u{order[row]}'" in said
    assert "sort both files by their ids" in said


def test_a_label_of_several_lines_keeps_to_one(capsys) -> None:
    x = np.random.default_rng(0).normal(size=(N, 4))
    for name in ("p.parquet", "q.parquet"):
        table(name, x, np.where(LANGUAGE == "de", "deutsch\n(de)", LANGUAGE))
    for kind in ("--unpaired", "--windows"):
        words = f"p.parquet q.parquet {kind} --group-by language"
        lines = told(capsys, words, 0).splitlines()
        assert any(line.startswith("deutsch (de)  ") for line in lines)


def test_a_state_says_which_files_do_not_go_with_it(capsys) -> None:
    told(capsys, "a.npy b.npy --windows --state s.npz", 0)
    before = Path("s.npz").read_bytes()
    Path("new").mkdir()
    np.save("new/b.npy", np.load("b.npy")[::-1])
    for words, text in (
        ("a.npy new/b.npy", "add rows to the window 'b', which was tested"),
        ("b.npy a.npy", "must have the same reference"),
        ("a.npy a.npy --level 0.1", "level 0.05, got 0.1"),
    ):
        said = told(capsys, f"{words} --windows --state s.npz")
        assert text in said
        first, second, *_ = words.split()
        assert f"other is what {first} and {second} make" in said
    assert Path("s.npz").read_bytes() == before


def test_a_condition_that_cannot_be_judged_adds_no_window_to_the_state(capsys) -> None:
    words = "a.npy b.npy --windows --state s.npz --assert"
    assert "no number 'alarm'" in told(capsys, f"{words} alarm<1")
    assert not Path("s.npz").exists()
    told(capsys, f"{words} alarms<1", 0)
    assert Path("s.npz").exists()


@pytest.mark.parametrize("ids", ["same", "others", "none"])
def test_sets_of_the_same_ids_are_told_to_be_pairs(capsys, ids) -> None:
    rows = np.random.default_rng(0).normal(size=(2, 20, 4))
    for k, name in enumerate(("p.npz", "q.npz")):
        known = {} if ids == "none" else {"id": np.arange(20) + k * (ids == "others")}
        np.savez(name, x=rows[k], **known)
    assert main(["drift", "p.npz", "q.npz", "--unpaired"]) == 0
    note = "both files have the same ids: without --unpaired" in capsys.readouterr().err
    assert note == (ids == "same")


def test_layers_are_not_compared_as_sets(capsys) -> None:
    layers = np.random.default_rng(0).normal(size=(3, 20, 4))
    np.save("layers.npy", layers)
    np.savez("layers.npz", x=layers)
    for name, way in (("npy", "give one layer"), ("npz", "choose a layer by --column")):
        said = told(capsys, f"layers.{name} layers.{name} --unpaired")
        assert f"got shape [3, 20, 4]: {way}" in said


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--paired --assert relativ_drift<1", "Did you mean 'relative_drift'"),
        ("--paired --assert x.pvalue<1", "no number 'pvalue'. Did you mean 'p_value'"),
        ("--paired --assert p_value<1", "of a test, as signflip.p_value, got none"),
        ("--paired --assert max_tt.z<1", "got 'max_tt'. Did you mean 'max_t'"),
        ("--paired --assert contrast.z<1", "contrast compares groups, give --group"),
        ("--paired --tests max_t --assert signflip.z<1", "is not among --tests max_t"),
        ("--unpaired --assert alarms<1", "no number 'alarms'. Known are p_value"),
        ("--windows --assert cosine<1", "no number 'cosine'. Known are alarms"),
    ],
)
def test_conditions_are_looked_at_before_the_files(capsys, words, text) -> None:
    said = told(capsys, f"no.npy file.npy {words}")
    assert text in said
    assert "--assert" in said


def test_a_window_that_fails_the_gate_is_in_the_state(capsys) -> None:
    words = "a.npy b.npy --windows --state s.npz --assert evidence<0"
    assert main(["drift", *words.split()]) == 1
    assert Path("s.npz").exists()


def test_lines_that_were_not_tested_say_why(capsys) -> None:
    words = "a.parquet new.parquet --windows --group-by language"
    lines = {line.split(" ")[0]: line for line in told(capsys, words, 0).splitlines()}
    assert "not tested: only in the reference" in lines["fr"]
    assert "20 rows in new: no line, as the reference has no such" in lines["it"]
    assert "shift" in lines["de"]


def test_folders_of_parquet_are_sets_and_windows_too(capsys) -> None:
    rng = np.random.default_rng(1)
    for week in ("w1", "w2"):
        for language in ("de", "en"):
            place = Path(week, f"language={language}")
            place.mkdir(parents=True)
            moved = week == "w2" and language == "en"
            for part in range(2):
                x = rng.normal(size=(30, 4)) + 2.0 * moved
                file = pa.table({"embedding": list(x)})
                parquet.write_table(file, place / f"{part}.parquet")
    words = "w1 w2 --unpaired --group-by language"
    out = told(capsys, words, 0)
    assert out.startswith("en moved; no change was found in de.")
    assert "60 and 60 rows" in out
    out = told(capsys, "w1 w2 --windows --group-by language", 0)
    assert "120 rows in w2" in out
    Path("w2").rename("week.48")
    assert "120 rows in week.48" in told(capsys, "w1 week.48 --windows", 0)
    Path("nothing").mkdir()
    assert "nothing has no Parquet files" in told(capsys, "w1 nothing --unpaired")
