"""``vaccine-swift drift``: files and models, results, gate, exit status."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_support import write_model
from safetensors.numpy import save_file

import vaccine_swift as vs
from vaccine_swift import drift
from vaccine_swift.cli import main
from vaccine_swift.data.rows import read_rows

RNG = np.random.default_rng(0)
REFERENCE = RNG.normal(size=(3, 60, 16)).astype(np.float32)
CURRENT = REFERENCE + 0.05 * RNG.normal(size=REFERENCE.shape).astype(np.float32)
IDS = [f"p{k // 3}" for k in range(60)]
UNPAIRED = "with --unpaired"
PAIR = ["a.npy", "b.npy", "--paired"]


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
    assert status([*PAIR, "--tests", "none"]) == 0
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
    assert status([*PAIR, "--json", "r.json", "--tests", "none"]) == 0
    entry = json.loads((files / "r.json").read_text())["overall"]["relative_drift"]
    between = f"relative_drift<{(entry['value'] + entry['high']) / 2}"
    words = [*PAIR, "--tests", "none", "--assert", between]
    assert status(words) == 1
    assert status([*words, "--bound", "value"]) == 0


# MARK: What is compared


@pytest.mark.parametrize("name", ["b.npy", "other.npz", "tensors.safetensors"])
def test_rows_without_ids_are_not_taken_as_pairs(files, capsys, name) -> None:
    np.savez("other.npz", x=RNG.normal(size=REFERENCE.shape), ids=np.arange(60))
    save_file({"x": CURRENT}, "tensors.safetensors")
    assert status(["a.npy", name, "--tests", "none"]) == 2
    errors = capsys.readouterr().err
    assert "give --paired" in errors
    assert "--ids" in errors
    assert UNPAIRED in errors
    assert status(["a.npy", name, "--tests", "none", "--paired"]) == 0


def test_equal_ids_in_both_files_make_pairs(files, capsys) -> None:
    for name, values in (("a.npz", REFERENCE), ("b.npz", CURRENT)):
        np.savez(name, x=values, ids=np.array(IDS))
    assert status(["a.npz", "b.npz", "--tests", "none"]) == 0
    assert "20 prompts, 60 rows" in capsys.readouterr().out
    np.savez("c.npz", x=CURRENT, ids=np.array(IDS[::-1]))
    assert status(["a.npz", "c.npz", "--tests", "none", "--paired"]) == 2
    errors = capsys.readouterr().err
    assert "ids of the two files differ" in errors
    assert UNPAIRED in errors


def test_other_lengths_name_the_way_for_unpaired_rows(files, capsys) -> None:
    np.save("short.npy", CURRENT[:, :50])
    assert status(["a.npy", "short.npy", "--paired"]) == 2
    assert UNPAIRED in capsys.readouterr().err


def test_what_is_left_out_of_a_file_is_told(files, capsys) -> None:
    for name, values in (("a.npz", REFERENCE), ("b.npz", CURRENT)):
        np.savez(name, x=values, labels=np.arange(60), title="a title")
    assert status(["a.npz", "b.npz", "--paired", "--tests", "none"]) == 0
    captured = capsys.readouterr()
    assert "3 layers of width 16" in captured.out
    assert "b.npz: the embedding is 'x'; left out: 'labels', 'title'" in captured.err


def test_a_column_is_chosen_by_its_name(files, capsys) -> None:
    for name, values in (("a.npz", REFERENCE), ("b.npz", CURRENT)):
        np.savez(name, title=values[0], body=values[1, :, :8])
    assert status(["a.npz", "b.npz", "--paired"]) == 2
    assert "--column" in capsys.readouterr().err
    words = ["a.npz", "b.npz", "--paired", "--tests", "none", "--column"]
    assert status([*words, "body"]) == 0
    assert "1 layer of width 8" in capsys.readouterr().out
    assert status([*words, "titel"]) == 2
    assert "Did you mean 'title'" in capsys.readouterr().err


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_id_and_group_files_are_read_as_rows_are(files, capsys, end) -> None:
    odd = ["p0", "p\u20281", "p\x852", "p\x1c3 x", "größe"]
    mark = b"\xef\xbb\xbf"
    text = end.join(odd[k // 12] for k in range(60)) + end
    (files / "odd.txt").write_bytes(mark + text.encode())
    (files / "two.txt").write_bytes(mark + end.join(odd[:2]).encode())
    words = ["a.npy", "b.npy", "--ids", "odd.txt", "--group", "two=two.txt"]
    assert status([*words, "--tests", "none", "--json", "r.json"]) == 0
    found = json.loads((files / "r.json").read_text())
    assert sorted(found["prompts"]["ids"]) == sorted(odd)
    assert found["groups"]["two"]["prompts"] == 2
    rows = json.dumps({"prompt": "a", "completion": "b", "id": odd[1]})
    rows += "\n" + json.dumps({"prompt": "a", "completion": "b", "id": odd[2]})
    (files / "rows.jsonl").write_bytes(mark + rows.encode())
    read = [row.values["id"] for row in read_rows(files / "rows.jsonl")]
    assert read == odd[1:3]


def test_an_id_file_that_is_no_text_is_named(files, capsys) -> None:
    (files / "latin.txt").write_bytes("p0\ngr\xf6\xdfe".encode("latin-1"))
    assert status(["a.npy", "b.npy", "--ids", "latin.txt"]) == 2
    assert "latin.txt must be UTF-8 text, got byte 0xf6 in line 2" in (
        capsys.readouterr().err
    )


def test_one_group_is_contrasted_with_the_rest(files) -> None:
    words = ["a.npy", "b.npy", "--ids", "ids.txt", "--group", "few=few.txt"]
    assert status([*words, "--json", "r.json", "--permutations", "19"]) == 0
    test = json.loads((files / "r.json").read_text())["tests"]["contrast"]
    assert test["details"]["groups"] == ["few", "rest"]
    assert test["details"]["prompts"] == [4, 16]


def test_a_baseline_is_drawn(files) -> None:
    assert status([*PAIR, "--json", "r.json", "--tests", "none"]) == 0
    words = [*PAIR, "--tests", "none", "--baseline", "r.json"]
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
    capsys.readouterr()
    assert status([*words, "--id-column", "prompt"]) == 0
    found = drift.Report.load("r.json").to_dict()
    assert sorted(found["prompts"]["ids"]) == ["Hi 0", "Hi 1", "Hi 2", "Hi 3"]
    for option, name, told in (
        ("--id-column", "kind", "probe.jsonl: column 'kind' must be distinct, 'a' st"),
        ("--id-column", "prmpt", "--id-column prmpt: row 0 has no such column. Did"),
        ("--group-by", "knid", "--group-by knid: row 0 has no such column. Did you"),
    ):
        assert status([*words, option, name]) == 2
        assert told in capsys.readouterr().err


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
        ([*PAIR, "--group", "x"], "--group must be NAME=FILE"),
        (
            [*PAIR, "--group", "x=few.txt"],
            "'p0' is no id of a row",
        ),
        (["a.npy", "b.npy", "--data", "x.jsonl"], "--data has no meaning"),
        (["a.npy", "b.npy", "--reference", "m"], "give either two files"),
        ([*PAIR, "--tests", "signflp"], "signflp"),
        ([*PAIR, "--floor", "float8"], "floor"),
        ([*PAIR, "--permutations", "-1"], "permutations"),
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
