"""``vaccine-swift drift``: files and models, results, gate, exit status."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_support import write_model

import vaccine_swift as vs
from vaccine_swift import drift
from vaccine_swift.cli import main

RNG = np.random.default_rng(0)
REFERENCE = RNG.normal(size=(3, 60, 16)).astype(np.float32)
CURRENT = REFERENCE + 0.05 * RNG.normal(size=REFERENCE.shape).astype(np.float32)
IDS = [f"p{k // 3}" for k in range(60)]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", REFERENCE)
    np.save("b.npy", CURRENT)
    (tmp_path / "ids.txt").write_text("\n".join(IDS))
    (tmp_path / "few.txt").write_text("p0\np1\np2\np3\n")
    (tmp_path / "rest.txt").write_text("\n".join(f"p{k}" for k in range(4, 20)))
    return tmp_path


def status(words: list[str]) -> int:
    try:
        return main(["drift", *words])
    except SystemExit as stop:
        return stop.code


def as_read(layers: list[dict[str, dict[str, object]]]) -> object:
    """With null in place of NaN, as JSON has it."""
    return [
        {
            name: {key: None if part != part else part for key, part in entry.items()}
            for name, entry in layer.items()
        }
        for layer in layers
    ]


def test_the_numbers_are_those_of_the_api(files, capsys) -> None:
    words = ["a.npy", "b.npy", "--ids", "ids.txt", "--json", "r.json"]
    words += ["--group", "few=few.txt", "--group", "rest=rest.txt", "--html", "r.html"]
    assert status([*words, "--permutations", "199"]) == 0
    accumulator = drift.Accumulator(layers=3, width=16, tier="light", seed=0)
    few = np.isin(IDS, ["p0", "p1", "p2", "p3"])
    groups = {"few": few, "rest": ~few}
    accumulator.update(REFERENCE, CURRENT, ids=np.array(IDS), groups=groups)
    expected = accumulator.report(
        tests=["signflip", "max_t", "contrast"], permutations=199
    ).to_dict()
    found = drift.Report.load("r.json").to_dict()
    assert found["layers"] == as_read(expected["layers"])
    assert found["groups"] == expected["groups"]
    for name, test in expected["tests"].items():
        assert found["tests"][name]["p_value"] == test["p_value"]
    printed = capsys.readouterr().out
    for part in ("20 prompts, 60 rows, 3 layers of width 16", "signflip", "few (4)"):
        assert part in printed
    assert (files / "r.html").read_text("utf-8").startswith("<!doctype html>")


def test_each_row_is_a_prompt_without_ids(files, capsys) -> None:
    assert status(["a.npy", "b.npy", "--tests", "none"]) == 0
    assert "60 prompts, 60 rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["relative_drift<10%"], 0),
        (["relative_drift<0.1", "cosine>0.9"], 0),
        (["relative_drift<1%"], 1),
        (["relative_drift<10%", "few.cosine>0.9999"], 1),
        (["nothing<1"], 2),
        (["relative_drift"], 2),
    ],
)
def test_the_exit_status_is_the_gate(files, capsys, conditions, expected) -> None:
    words = ["a.npy", "b.npy", "--ids", "ids.txt", "--group", "few=few.txt"]
    words += ["--json", "r.json", "--tests", "none"]
    for condition in conditions:
        words += ["--assert", condition]
    assert status(words) == expected
    errors = capsys.readouterr().err
    assert ("failed: " in errors) == (expected == 1)
    if expected == 1:
        assert (files / "r.json").exists()


def test_the_bound_moves_the_gate(files) -> None:
    assert status(["a.npy", "b.npy", "--json", "r.json", "--tests", "none"]) == 0
    entry = json.loads((files / "r.json").read_text())["overall"]["relative_drift"]
    between = f"relative_drift<{(entry['value'] + entry['high']) / 2}"
    words = ["a.npy", "b.npy", "--tests", "none", "--assert", between]
    assert status(words) == 1
    assert status([*words, "--bound", "value"]) == 0


def test_one_group_is_contrasted_with_the_rest(files) -> None:
    words = ["a.npy", "b.npy", "--ids", "ids.txt", "--group", "few=few.txt"]
    assert status([*words, "--json", "r.json", "--permutations", "19"]) == 0
    test = json.loads((files / "r.json").read_text())["tests"]["contrast"]
    assert test["details"]["groups"] == ["few", "rest"]
    assert test["details"]["prompts"] == [4, 16]


def test_a_baseline_is_drawn(files) -> None:
    assert status(["a.npy", "b.npy", "--json", "r.json", "--tests", "none"]) == 0
    words = ["a.npy", "b.npy", "--tests", "none", "--baseline", "r.json"]
    assert status([*words, "--html", "r.html"]) == 0
    assert "relative drift of the baseline" in (files / "r.html").read_text("utf-8")


def test_an_adapter_is_compared_with_its_base(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "base")
    model = vs.CausalLM.from_pretrained("base")
    model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=4), seed=0)
    example = vs.Example([1, 2, 3], [-100, 2, 3])
    args = vs.TrainingArguments("out", learning_rate=0.01, max_steps=2)
    vs.Trainer(model, args, train_dataset=[example] * 4).train()
    model.save_adapter("adapter")
    rows = [
        {"prompt": f"Hi {k}", "completion": "Bye", "id": f"p{k}", "kind": kind}
        for k, kind in enumerate("aabb")
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "probe.jsonl").write_text(text)
    words = ["--reference", "base", "--current", "adapter", "--data", "probe.jsonl"]
    words += ["--group-by", "kind", "--json", "r.json", "--tests", "none"]
    assert status([*words, "--what", "mlp", "--pool", "mean"]) == 0
    base = vs.CausalLM.from_pretrained("base")
    data = vs.data.load("probe.jsonl", base.tokenizer, template="chat")
    compared = drift.compare(base, model, data, what="mlp", pool="mean", groups="kind")
    found = drift.Report.load("r.json").to_dict()
    assert found["layers"] == as_read(compared.report(tests=[]).to_dict()["layers"])
    assert sorted(found["prompts"]["ids"]) == ["p0", "p1", "p2", "p3"]
    assert found["settings"]["metadata"]["data"] == "probe.jsonl"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give either two files"),
        (["a.npy"], "two files must be given, got 1"),
        (["a.npy", "b.npy", "a.npy"], "two files must be given, got 3"),
        (["a.npy", "none.npy"], "none.npy: no such file"),
        (["a.npy", "ids.txt"], "must end in .npy"),
        (["a.npy", "short.npy"], "short.npy"),
        (["a.npy", "flat.npy"], "flat.npy must be [N, d] or [L, N, d]"),
        (["a.npy", "b.npy", "--ids", "few.txt"], "--ids must hold 60 ids"),
        (["a.npy", "b.npy", "--group", "x"], "--group must be NAME=FILE"),
        (["a.npy", "b.npy", "--group", "x=few.txt"], "'p0' is no id of a row"),
        (["a.npy", "b.npy", "--data", "x.jsonl"], "--data has no meaning"),
        (["a.npy", "b.npy", "--reference", "m"], "give either two files"),
        (["a.npy", "b.npy", "--tests", "signflp"], "signflp"),
        (["a.npy", "b.npy", "--floor", "float8"], "floor"),
        (["a.npy", "b.npy", "--permutations", "-1"], "permutations"),
        (["a.npy", "b.npy", "--baseline", "few.txt"], "few.txt is no drift report"),
        (["a.npy", "b.npy", "--threads", "0"], "threads"),
        (["--reference", "m", "--data", "d"], "--current must be given"),
        (["--reference", "m", "--current", "m"], "--data must be given"),
        (["--reference", "m", "--current", "m", "--ids", "x"], "--ids has no meaning"),
        (["a.npy", "b.npy", "--htm", "x"], "Did you mean '--html'"),
    ],
)
def test_bad_input_is_one_line_and_status_2(files, capsys, words, message) -> None:
    np.save("short.npy", CURRENT[:, :50])
    np.save("flat.npy", CURRENT[0, 0])
    assert status(words) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
