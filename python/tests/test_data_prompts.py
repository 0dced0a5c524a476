"""Requests without answers, to look at."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_support import write_model
from data_tokenizers import byte_tokenizer

import vaccine_swift as vs
from vaccine_swift import drift
from vaccine_swift.cli import main

ANSWERED = [
    {"instruction": "Name a river.", "input": "In Italy.", "output": "Po"},
    {"instruction": "Say it.", "output": "It."},
]


@pytest.mark.parametrize("template", ["alpaca", "alpaca-newline"])
def test_they_are_what_stands_before_the_answer(template) -> None:
    tokenizer = byte_tokenizer()
    whole = vs.data.load(ANSWERED, tokenizer, template=template, max_length=900)
    bare = [{k: v for k, v in row.items() if k != "output"} for row in ANSWERED]
    for rows in (ANSWERED, bare):
        prompts = vs.data.load_prompts(
            rows, tokenizer, template=template, max_length=900
        )
        assert len(prompts) == 2
        for example, other in zip(prompts, whole, strict=True):
            expected = other.input_ids[other.labels == -100]
            np.testing.assert_array_equal(example.input_ids, expected)
            assert (example.labels == -100).all()
        made = [row["prompt"] for row in prompts.rows]
        assert made == [row["prompt"] for row in whole.rows]
        assert prompts.source_rows == tuple(rows)
        assert (prompts.report.kept, prompts.report.supervised) == (2, 0)


def test_long_ones_keep_their_start_and_are_counted() -> None:
    rows = [{"prompt": "Hi " * count} for count in (1, 90)]
    with pytest.warns(UserWarning, match="of 2 prompts, 1 was truncated to max_length"):
        prompts = vs.data.load_prompts(rows, byte_tokenizer(), max_length=200)
    whole = vs.data.load_prompts(rows, byte_tokenizer(), max_length=2000)
    assert prompts[1].input_ids.tolist() == whole[1].input_ids[:200].tolist()
    assert prompts.report.truncated == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"prompt": "Hi"}, {"question": "Hi"}], "row 1 must have one of the keys"),
        ([{"prompt": 3}], "row 0"),
        ([], "at least one row"),
    ],
)
def test_rows_without_a_request_are_named(rows, words) -> None:
    with pytest.raises(ValueError, match=words):
        vs.data.load_prompts(rows, byte_tokenizer())


def test_what_is_no_tokenizer_is_named() -> None:
    with pytest.raises(TypeError, match="tokenizer must be a Tokenizer, got NoneType"):
        vs.data.load_prompts([{"prompt": "Hi"}], None)


def test_nothing_is_learned_of_them(tmp_path) -> None:
    tokenizer = byte_tokenizer()
    prompts = vs.data.load_prompts([{"prompt": "Hi"}] * 4, tokenizer)
    model = vs.CausalLM.from_config(vs.tiny_config(vocab_size=len(tokenizer)), seed=0)
    model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=4), seed=0)
    with pytest.raises(ValueError, match="supervise"):
        vs.Trainer(
            model, vs.TrainingArguments(str(tmp_path)), train_dataset=prompts
        ).train()


def test_the_command_measures_prompts_alone(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "base")
    write_model(tmp_path / "other", num_hidden_layers=2, rope_theta=50.0)
    rows = [{"prompt": f"Say {k}.", "kind": "ab"[k % 2]} for k in range(6)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "probe.jsonl").write_text(text)
    words = ["drift", "--reference", "base", "--current", "other", "--data"]
    words += ["probe.jsonl", "--group-by", "kind", "--tests", "none"]
    assert main([*words, "--pool", "last", "--json", "r.json"]) == 0
    found = drift.Report.load("r.json").to_dict()
    assert (found["settings"]["rows"], set(found["groups"])) == (6, {"a", "b"})
    pair = [vs.CausalLM.from_pretrained(name) for name in ("base", "other")]
    prompts = vs.data.load_prompts(rows, pair[0].tokenizer, template="chat")
    expected = drift.compare(*pair, prompts, pool="last").report(tests=[])
    value = expected.to_dict()["overall"]["relative_drift"]["value"]
    assert found["overall"]["relative_drift"]["value"] == pytest.approx(value)
    assert main([*words, "--pool", "response"]) == 2
    assert "needs supervised tokens" in capsys.readouterr().err
