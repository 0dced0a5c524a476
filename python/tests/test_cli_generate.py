"""``vaccine-swift generate``: the answers of the API, for people and for programs."""

from __future__ import annotations

import json
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
