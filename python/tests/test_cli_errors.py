"""Whatever is wrong on the command line is one line on standard error and status 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_support import write_model, write_rows

import vaccine_swift as vs
from vaccine_swift.cli import main, parsing


@pytest.fixture(scope="module")
def model_path(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


def status(words: list[str]) -> int:
    try:
        return main(words)
    except SystemExit as stop:
        return stop.code


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "vaccine-swift: error: the following arguments are required: COMMAND"),
        (["algn"], "vaccine-swift: error: argument COMMAND: invalid choice: 'algn'"),
        (["algn"], "Did you mean 'align'?"),
        (["align"], "vaccine-swift align: error: the following arguments are required"),
        (["align", "--learning-rat", "1"], "Did you mean '--learning-rate'?"),
        (["align", "--learning_rate", "1"], "Did you mean '--learning-rate'?"),
        (["align", "--eval_delay=1"], "Did you mean '--eval-delay'?"),
        (["align", "--max_seq_length", "9"], "Did you mean '--max-length'?"),
        (["align", "--r", "9"], "Did you mean '--lora-r'?"),
        (["align", "--ddp_timeout", "9"], "it would change nothing here; leave it"),
        (["generate", "--model", "{model}"], "one of the arguments --prompt --data"),
        (["generate", "--model", "none", "--prompt", "Hi"], "none: no such"),
        (
            ["generate", "--model", "smolm2", "--prompt", "Hi"],
            "Did you mean 'smollm2'?",
        ),
        (["evaluate", "--model", "SmolLM2"], "Did you mean 'smollm2'?"),
        (["{align}", "--learning-rate", "-1"], "--learning-rate must be at least 0"),
        (["{align}", "--learning-rate", "x"], "--learning-rate: invalid float value"),
        (["{align}", "--lr-scheduler-type", "cosin"], "Did you mean 'cosine'?"),
        (["{align}", "--rho", "nan"], "rho must be at least 0.0, got nan"),
        (["{align}", "--method", "sft", "--rho", "1"], "--rho has no meaning"),
        (["{align}", "--method", "random"], "--variance must be given"),
        (["{align}", "--lora-r", "0"], "r must be at least 1"),
        (["{align}", "--lora-r", "9999"], "r must be at most"),
        (["{align}", "--target-modules", "q_prj"], "Did you mean 'q_proj'?"),
        (["{align}", "--template", "chta"], "Did you mean 'chat'?"),
        (["{align}", "--data", "missing.jsonl"], "missing.jsonl"),
        (["{align}", "--data", "{broken}"], "broken.jsonl"),
        (
            ["{align}", "--eval-strategy", "epoch"],
            "--eval-data must be given with --eval-strategy",
        ),
        (["{align}", "--threads", "0"], "threads"),
        (["{align}", "--resume"], "--resume: no whole checkpoint"),
        (
            ["{align}", "--load-best-model-at-end"],
            "--eval-strategy must be 'steps' or 'epoch' with --load-best-model-at-end",
        ),
        (
            ["{align}", "--data", "someone/rows"],
            '"hf download someone/rows --repo-type dataset --local-dir rows"',
        ),
        (["{align}", "--output-dir", "{broken}"], "broken.jsonl"),
        (
            ["{generate}", "--max-new-tokens", "0"],
            "--max-new-tokens must be at least 1",
        ),
        (["{generate}", "--max-new-tokens", "9999"], "context"),
        (["{generate}", "--top-p", "2"], "--top-p must be above 0 and at most 1"),
        (["{generate}", "--adapter", "missing"], "missing"),
        (["{generate}", "--seed", "-1"], "--seed must be at least 0"),
        (["{align}", "--template", "alpaca", "--data", "{turns}"], "--template chat"),
        (["{align}", "--data", "{both}"], "name one with --format"),
        (["{align}", "--format", "beaver"], "--format must be one of"),
        (["{align}", "--format", "chatml"], ", text, got 'chatml'"),
        (["{generate}", "--batch-size", "0"], "--batch-size must be at least 1"),
        (["demo", "--threads", "0"], "threads must be at least 1"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    words, message, model_path, tmp_path, capsys
) -> None:
    rows = str(write_rows(tmp_path / "rows.jsonl"))
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"prompt": ')
    turns, both = tmp_path / "turns.jsonl", tmp_path / "both.jsonl"
    asked = [{"role": role, "content": "Hi"} for role in ("user", "assistant") * 2]
    turns.write_text(json.dumps({"messages": asked}))
    both.write_text('{"prompt": "Hi", "completion": "Hello", "response": "Bye"}')
    model, output = str(model_path), str(tmp_path / "out")
    whole = {
        "{align}": ["align", "--model", model, "--data", rows, "--output-dir", output],
        "{generate}": ["generate", "--model", model, "--prompt", "Hi"],
        "{model}": [model],
        "{broken}": [str(broken)],
        "{turns}": [str(turns)],
        "{both}": [str(both)],
    }
    if "--resume" in words:
        Path(output).mkdir()
    expanded = [part for word in words for part in whole.get(word, [word])]

    assert status(expanded) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert message in line
    command = f" {expanded[0]}" if expanded and expanded[0] != "algn" else ""
    assert line.startswith(f"vaccine-swift{command}: error: ")
    assert captured.out == ""


@pytest.mark.parametrize("error", [MemoryError("too much"), RuntimeError("no state")])
def test_errors_of_the_engine_are_told_in_one_line(
    error, model_path, monkeypatch, capsys
) -> None:
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(vs.CausalLM, "generate", fail)
    assert status(["generate", "--model", str(model_path), "--prompt", "Hi"]) == 2
    assert capsys.readouterr().err == f"vaccine-swift generate: error: {error}\n"


@pytest.mark.parametrize("command", ["align", "generate", "chat", "study", "demo"])
def test_help_ends_in_an_example(command, capsys) -> None:
    assert status([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "\nexample:\n  vaccine-swift " in text
    assert f"vaccine-swift {command}" in text.partition("\nexample:\n")[2]
    assert max(map(len, text.splitlines())) <= 88


def test_version_is_the_package_s(capsys) -> None:
    assert status(["--version"]) == 0
    assert capsys.readouterr().out == f"{vs.__version__}\n"


@pytest.mark.parametrize("options", [["--max-length", "8"], ["--eval-data", "{short}"]])
def test_data_without_a_row_to_learn_from_are_told_with_the_reasons(
    options, model_path, tmp_path, capsys
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl")
    unsafe = {"prompt": "Hi", "response": "Hello!", "is_safe": False}
    short = write_rows(tmp_path / "short.jsonl", [unsafe] * 3)
    options = [str(short) if each == "{short}" else each for each in options]
    words = ["align", "--model", str(model_path), "--data", str(rows), *options]
    assert status([*words, "--output-dir", str(tmp_path / "out")]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "error: there is no row to learn from: " in line
    name, count = ("short", 3) if "--eval-data" in options else ("rows", 6)
    assert f"{name}.jsonl: 0 of {count} rows kept, {count} left out (" in line


def test_a_resumed_run_of_other_rows_is_refused_in_options(
    model_path, tmp_path, capsys
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl")
    words = ["align", "--model", str(model_path), "--disable-tqdm", "--max-steps", "1"]
    words += ["--output-dir", str(tmp_path / "out"), "--save-steps", "1"]
    assert status([*words, "--data", str(rows)]) == 0
    assert status([*words, "--data", str(rows), str(rows), "--resume"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "--data (length) was 6, is 12" in line


def test_every_command_of_another_name_leads_to_one_that_is_there(capsys) -> None:
    meanings = {**parsing._COMMANDS, "studdy": "study", "generat": "generate"}
    assert meanings["finetune"] == "align --method sft"
    for word, meant in meanings.items():
        assert status([word]) == 2
        assert f"Did you mean {meant!r}?" in capsys.readouterr().err
        program, *options = meant.split()
        assert status([program, *options, "--help"]) == 0
        capsys.readouterr()
