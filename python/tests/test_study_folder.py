"""The output folder: whose it is, what may be added, one process at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from study_support import tiny_study

from vaccine_swift.files.plain_json import plain
from vaccine_swift.study import StudyResult
from vaccine_swift.study.folder import opened, write_rows
from vaccine_swift.study.progress import expected_seconds
from vaccine_swift.study.store import Stage, Store, digest


@pytest.fixture
def model(tmp_path) -> Path:
    """A file that exists; no test here loads it."""
    path = tmp_path / "model.gguf"
    path.touch()
    return path


def claim(out: Path, config) -> None:
    with opened(out, config):
        pass


def test_a_study_may_be_run_again_and_extended(model, tmp_path):
    out = tmp_path / "out"
    claim(out, tiny_study(model, methods="sft", poison=0, seeds=1))
    claim(out, tiny_study(model, methods="sft", poison=0, seeds=1))
    claim(out, tiny_study(model, methods=("none", "sft"), poison=(0.5, 0), seeds=3))
    kept = json.loads((out / "study.json").read_text("utf-8"))
    assert (kept["methods"], kept["poison"]) == (["none", "sft"], [0.5, 0])


def test_a_value_may_become_one_of_a_sweep(model, tmp_path):
    out = tmp_path / "out"
    claim(out, tiny_study(model, samples=10))
    claim(out, tiny_study(model, sweep={"samples": [5, 10]}))
    with pytest.raises(ValueError, match="samples was 5, 10, is 10"):
        claim(out, tiny_study(model, samples=10))


def test_another_study_is_refused_with_all_that_differs(model, tmp_path):
    out = tmp_path / "out"
    claim(out, tiny_study(model, rho=2.0, methods=("sft", "vaccine")))
    before = (out / "study.json").read_bytes()
    with pytest.raises(ValueError, match="out must be") as caught:
        claim(out, tiny_study(model, rho=1.0, methods="vaccine", dropout=0.2))
    told = str(caught.value)
    assert 'methods was "sft", "vaccine", is "vaccine"' in told
    assert "rho was 2.0, is 1.0" in told
    assert "dropout was 0.1, is 0.2" in told
    assert "samples" not in told
    assert (out / "study.json").read_bytes() == before


def test_a_folder_of_other_files_is_refused(model, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match=r"no study.json and holds 'thesis.tex'"):
        claim(out, tiny_study(model))
    assert not (out / "study.json").exists()


def test_a_second_process_is_refused_while_one_works(model, tmp_path):
    config = tiny_study(model)
    with (
        opened(tmp_path / "out", config),
        pytest.raises(RuntimeError, match="another study runs"),
    ):
        claim(tmp_path / "out", config)
    claim(tmp_path / "out", config)


def stage(name="align", cost=1.0, key=None, work=None) -> Stage:
    return Stage(name, key or {"n": 1}, cost, work or (lambda *_: {}))


def test_a_stage_that_fails_leaves_nothing(tmp_path):
    def work(directory, report):
        (directory / "half.txt").write_text("half")
        raise ValueError("no")

    store = Store(tmp_path)
    with pytest.raises(ValueError, match="no"):
        store.run(stage(work=work), lambda _: None)
    assert not store.has(stage())
    assert not list((tmp_path / "stages").iterdir())


def test_a_stage_is_known_by_its_key_alone(tmp_path):
    store = Store(tmp_path)
    store.run(stage(work=lambda *_: {"x": float("nan")}), lambda _: None)
    assert store.has(stage(cost=5.0))
    assert not store.has(stage(key={"n": 2}))
    assert store.read(stage())["result"] == {"x": None}


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_what_json_lacks_becomes_none():
    assert plain({1: (float("inf"), 2.0)}) == {"1": [None, 2.0]}


def test_rows_replace_the_file(tmp_path):
    write_rows(tmp_path, [{"a": 1}, {"b": "ρ"}])
    write_rows(tmp_path, [{"a": 2}])
    assert (tmp_path / "results.jsonl").read_text("utf-8") == '{"a": 2}\n'


def test_the_time_left_goes_by_the_pace_of_each_kind():
    align, attack = stage("align", 10), stage("attack", 30)
    done = [(align, 20.0), (attack, 30.0)]
    assert expected_seconds([stage("align", 5), stage("attack", 6)], done) == 10 + 6
    # A new kind goes by all: 50 seconds for a cost of 40.
    assert expected_seconds([stage("drift", 8)], done) == pytest.approx(10)
    assert expected_seconds([align], []) is None
    assert expected_seconds([], []) == 0


def test_results_are_lines_whatever_separators_their_texts_hold(tmp_path) -> None:
    rows = [{"method": "a\u2028b\u0085c\x0bd"}, {"method": "e"}]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "results.jsonl").write_text(text, encoding="utf-8")
    assert list(StudyResult.load(tmp_path).rows) == rows
    (tmp_path / "results.jsonl").write_text("")
    assert list(StudyResult.load(tmp_path).rows) == []
