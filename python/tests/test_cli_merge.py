"""``vaccine-swift merge``, and what asks for ``--overwrite``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_support import write_model, write_rows

import vaccine_swift as vs
from vaccine_swift.cli import main
from vaccine_swift.machine.processors import available_processors

ALIGN = ["--max-steps", "2", "--disable-tqdm", "--learning-rate", "0.05"]


@pytest.fixture(scope="module")
def model_path(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def aligned(model_path, tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("aligned")
    rows = write_rows(directory / "rows.jsonl")
    words = ["align", "--model", model_path, "--data", rows, *ALIGN]
    assert main([*map(str, words), "--output-dir", str(directory / "out")]) == 0
    return directory / "out"


def merge(model_path: Path, adapter: Path, output: Path, *options: str) -> int:
    words = ["--model", model_path, "--adapter", adapter, "--output-dir", output]
    return main(["merge", *map(str, words), *options])


def test_a_merged_model_gives_the_logits_of_model_and_adapter(
    model_path, aligned, tmp_path, capsys
) -> None:
    assert merge(model_path, aligned, tmp_path / "merged") == 0
    assert str(tmp_path / "merged") in capsys.readouterr().out
    model = vs.CausalLM.from_pretrained(model_path)
    plain = model.logits([1, 2, 3])
    model.load_adapter(aligned)
    merged = vs.CausalLM.from_pretrained(tmp_path / "merged")
    expected = model.logits([1, 2, 3])
    assert np.abs(expected - plain).max() > 1e-3
    np.testing.assert_allclose(merged.logits([1, 2, 3]), expected, atol=1e-5)
    assert merged.tokenizer is not None


def test_weights_are_written_in_the_precision_that_is_asked_for(
    model_path, aligned, tmp_path
) -> None:
    assert merge(model_path, aligned, tmp_path / "out", "--dtype", "float16") == 0
    size = (tmp_path / "out" / "model.safetensors").stat().st_size
    whole = (model_path / "model.safetensors").stat().st_size
    assert size < 0.6 * whole


def test_a_model_that_is_there_is_replaced_only_when_told(
    model_path, aligned, tmp_path, capsys
) -> None:
    output = tmp_path / "out"
    assert merge(model_path, aligned, output) == 0
    before = (output / "model.safetensors").read_bytes()
    assert merge(model_path, aligned, output) == 2
    assert "holds a model already: give --overwrite" in capsys.readouterr().err
    assert (output / "model.safetensors").read_bytes() == before
    assert merge(model_path, aligned, output, "--overwrite") == 0
    assert merge(model_path, aligned, model_path, "--overwrite") == 2
    assert "must not be the directory of --model" in capsys.readouterr().err


def test_an_adapter_that_is_there_is_replaced_only_when_told(
    model_path, aligned, tmp_path, capsys
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl")
    words = ["align", "--model", model_path, "--data", rows, *ALIGN, "--output-dir"]
    command = list(map(str, words))
    output = tmp_path / "out"
    assert main([*command, str(output)]) == 0
    before = (output / "adapter_model.safetensors").read_bytes()
    capsys.readouterr()
    assert main([*command, str(output)]) == 2
    told = capsys.readouterr().err
    assert "holds an adapter already: give --overwrite to replace it" in told
    assert "--resume to go on with its run" in told
    assert (output / "adapter_model.safetensors").read_bytes() == before
    assert main([*command, str(output), "--overwrite", "--seed", "1"]) == 0
    assert (output / "adapter_model.safetensors").read_bytes() != before
    assert (output / "earlier-1" / "checkpoint-2").is_dir()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["align", "--lr", "1"], "Did you mean '--learning-rate'?"),
        (["align", "--lr=1e-3"], "Did you mean '--learning-rate'?"),
        (["align", "--gradient-checkpointing"], "none recomputed; leave it out"),
        (["align", "--ddp-timeout", "9"], "it would change nothing here; leave it out"),
        (["align", "--bf16"], "Did you mean '--dtype bfloat16'?"),
        (["align", "--epochs", "1"], "Did you mean '--num-train-epochs'?"),
        (["align", "--lora-rank", "1"], "Did you mean '--lora-r'?"),
        (["align", "--out", "x"], "Did you mean '--output-dir'?"),
        (["study", "--output-dir", "x"], "Did you mean '--out'?"),
        (["generate", "--max-tokens", "9"], "Did you mean '--max-new-tokens'?"),
        (["generate", "--gradient-checkpointing"], "unknown option --gradient"),
    ],
)
def test_other_programs_names_of_options_are_understood(words, told, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


@pytest.mark.parametrize("command", ["align", "generate", "drift"])
def test_dtype_is_that_of_the_model(
    command, model_path, tmp_path, capsys, monkeypatch
) -> None:
    rows = str(write_rows(tmp_path / "rows.jsonl"))
    words = {
        "align": ["--model", "M", "--data", rows, *ALIGN, "--output-dir", "O"],
        "generate": ["--model", "M", "--prompt", "Hi", "--max-new-tokens", "1"],
        "drift": ["--reference", "M", "--current", "M", "--data", rows],
    }[command]
    places = {"M": str(model_path), "O": str(tmp_path / "out")}
    asked = []
    load = vs.CausalLM.from_pretrained

    def watched(path: object, dtype: str = "float32", **engine: Any) -> vs.CausalLM:
        asked.append(dtype)
        return load(path, dtype, **engine)

    monkeypatch.setattr(vs.CausalLM, "from_pretrained", watched)
    command_line = [command, *(places.get(word, word) for word in words)]
    assert main([*command_line, "--dtype", "int4"]) == 2
    assert "dtype must be one of 'float32'" in capsys.readouterr().err
    asked.clear()
    assert main([*command_line, "--dtype", "auto"]) == 0
    assert set(asked) == {"auto"}


def test_more_threads_than_processors_warn(model_path, capsys) -> None:
    threads = vs.get_num_threads()
    try:
        number = available_processors() + 1
        words = ["--model", str(model_path), "--prompt", "Hi", "--max-new-tokens", "1"]
        assert main(["generate", *words, "--threads", str(number)]) == 0
        told = capsys.readouterr().err
        assert f"warning: --threads {number} is more than the {number - 1} " in told
    finally:
        vs.set_num_threads(threads)
