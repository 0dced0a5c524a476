"""``vaccine-swift generate``: the answers of the API, for people and for programs."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_support import ROWS, write_model, write_rows

import vaccine_swift as vs
from vaccine_swift.cli import main


@pytest.fixture(scope="module")
def model_path(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(model_path: Path) -> vs.CausalLM:
    return vs.CausalLM.from_pretrained(model_path)


def answers(model: vs.CausalLM, requests, template="chat", **options) -> list[str]:
    prompts = [
        vs.data.render_prompt(request, model.tokenizer, template)
        for request in requests
    ]
    special = template != "chat"
    texts = model.generate(prompts, add_special_tokens=special, **options)
    return [text.strip() for text in texts]


def generate(model_path: Path, *options: object) -> int:
    words = ["generate", "--model", model_path, "--max-new-tokens", 8, *options]
    return main([str(word) for word in words])


def test_one_prompt_prints_the_answer_alone(model_path, model, capsys) -> None:
    assert generate(model_path, "--prompt", "Hi") == 0
    (expected,) = answers(model, ["Hi"], max_new_tokens=8)
    assert capsys.readouterr().out == expected + "\n"


def test_sampling_options_reach_the_model(model_path, model, capsys) -> None:
    options = ["--temperature", 0.9, "--top-p", 0.8, "--seed", 5]
    assert generate(model_path, "--prompt", "Hi", *options) == 0
    drawn = answers(model, ["Hi"], max_new_tokens=8, temperature=0.9, top_p=0.8, seed=5)
    assert capsys.readouterr().out == drawn[0] + "\n"
    assert drawn != answers(model, ["Hi"], max_new_tokens=8)


@pytest.mark.parametrize("template", ["chat", "alpaca"])
def test_a_file_gives_a_json_line_for_each_row(
    template, model_path, model, tmp_path, capsys
) -> None:
    data = write_rows(tmp_path / "rows.jsonl")
    options = ["--data", data, "--json", "--template", template, "--batch-size", 4]
    assert generate(model_path, *options) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = answers(model, ROWS, template, max_new_tokens=8)
    assert rows == [
        {**row, "answer": answer} for row, answer in zip(ROWS, told, strict=True)
    ]


def test_several_prompts_are_printed_with_their_answers(
    model_path, model, capsys
) -> None:
    assert generate(model_path, "--prompt", "Hi", "--prompt", "Bye") == 0
    first, second = answers(model, ["Hi", "Bye"], max_new_tokens=8)
    assert capsys.readouterr().out == f"> Hi\n{first}\n\n> Bye\n{second}\n\n"


@pytest.mark.parametrize("size", [1, 3, 8, 16])
def test_drawn_answers_are_those_of_one_list_for_every_batch_size(
    size, model_path, model, capsys
) -> None:
    prompts = [word for _ in range(16) for word in ("--prompt", "Hi")]
    options = ["--temperature", 1, "--seed", 2, "--json", "--batch-size", size]
    assert generate(model_path, *prompts, *options) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    drawn = answers(model, ["Hi"] * 16, max_new_tokens=8, temperature=1.0, seed=2)
    assert [row["answer"] for row in rows] == drawn
    assert len(set(drawn)) == 16


def test_an_adapter_is_loaded(model_path, tmp_path, capsys) -> None:
    model = vs.CausalLM.from_pretrained(model_path)
    model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=64))
    generator = np.random.default_rng(0)
    for name, value in model.adapter_state().items():
        noise = generator.normal(0, 1, value.shape).astype(np.float32)
        model._model.write("adapter", name, noise)
    model.save_adapter(tmp_path)
    (adapted,) = answers(model, ["Hi"], max_new_tokens=8)
    model.remove_adapter()
    assert answers(model, ["Hi"], max_new_tokens=8) != [adapted]

    assert generate(model_path, "--prompt", "Hi", "--adapter", tmp_path) == 0
    assert capsys.readouterr().out == adapted + "\n"


def test_columns_of_every_kind_are_echoed_in_json(
    model_path, model, tmp_path, capsys
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    row = {
        "prompt": "Hi",
        "day": dt.date(2026, 1, 2),
        "at": dt.datetime(2026, 1, 2, 3, 4, 5),
        "price": decimal.Decimal("1.10"),
        "raw": b"abc\xff",
        "score": float("nan"),
        "nested": [{"x": float("inf")}],
    }
    parquet.write_table(pa.Table.from_pylist([row]), tmp_path / "rows.parquet")
    assert generate(model_path, "--data", tmp_path / "rows.parquet", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    (expected,) = answers(model, ["Hi"], max_new_tokens=8)
    assert found.pop("answer") == expected
    assert found == {
        "prompt": "Hi",
        "day": "2026-01-02",
        "at": "2026-01-02T03:04:05",
        "price": "1.10",
        "raw": "b'abc\\xff'",
        "score": None,
        "nested": [{"x": None}],
    }


def test_a_column_that_the_answer_would_take_is_refused_before_the_work(
    model_path, tmp_path, capsys
) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [{"prompt": "Hi", "answer": "Hello"}])
    assert generate(model_path, "--data", data, "--json") == 2
    assert "the column 'answer', which the rows have" in capsys.readouterr().err
    assert generate(model_path, "--data", data) == 0


def test_what_a_terminal_would_obey_is_spelt_out(
    model_path, tmp_path, capsys, monkeypatch
) -> None:
    hostile = "a\x1b]0;owned\x07\x9b2J\u202eb\r"
    monkeypatch.setattr(vs.CausalLM, "generate", lambda *_, **__: [hostile])
    assert generate(model_path, "--prompt", "Hi") == 0
    assert capsys.readouterr().out == hostile.strip() + "\n"  # for a program
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert generate(model_path, "--prompt", "Hi") == 0
    assert capsys.readouterr().out == "a\\x1b]0;owned\\x07\\x9b2J\\u202eb\n"
    assert generate(model_path, "--prompt", hostile, "--json") == 0
    printed = capsys.readouterr().out
    assert printed[:-1].isprintable()
    row = json.loads(printed)
    assert row == {"prompt": hostile, "answer": hostile.strip()}
    data = tmp_path / "x\x1b[2J.jsonl"
    assert generate(model_path, "--data", data) == 2
    assert "x\\x1b[2J.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "Hi"}]},
        {"prompt": [{"role": "user", "content": "Hi"}]},
        {"conversations": [{"from": "human", "value": "Hi"}]},
        {"prompt": "Hi", "chosen": "x", "rejected": "y"},
    ],
)
def test_requests_of_every_layout_are_asked(row, model_path, tmp_path, capsys) -> None:
    data = write_rows(tmp_path / "rows.jsonl", [row, row])
    assert generate(model_path, "--data", data) == 0
    printed = capsys.readouterr().out
    assert generate(model_path, "--prompt", "Hi", "--prompt", "Hi") == 0
    assert printed == capsys.readouterr().out


def test_empty_answers_name_the_template_that_the_model_has(
    model_path, model, capsys, monkeypatch
) -> None:
    def ends(_model, prompts, *_args, **_options):
        return [[model.tokenizer.eos_token_id]] * len(prompts)

    monkeypatch.setattr(vs.CausalLM, "generate_ids", ends)
    words = ["--prompt", "Hi", "--prompt", "Bye", "--batch-size", 1]
    assert generate(model_path, *words, "--template", "alpaca") == 0
    assert capsys.readouterr().err == (
        "vaccine-swift generate: warning: 2 of 2 answers are empty; the model has a "
        "chat template, which --template chat asks through\n"
    )
    assert generate(model_path, *words) == 0
    assert capsys.readouterr().err == ""
