"""``vaccine-swift align``: the same as the API, resumable, interruptible."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cli_support import ROWS, write_model, write_rows
from safetensors.numpy import load_file

import vaccine_swift as vs
from vaccine_swift.cli import main
from vaccine_swift.cli.align import RECIPE

SHORT = ["--max-steps", "4", "--logging-steps", "1", "--disable-tqdm"]


@pytest.fixture(scope="module")
def model_path(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "rows.jsonl")


def align(model_path: Path, data: Path, output: Path, *options: str) -> int:
    words = ["--model", model_path, "--data", data, "--output-dir", output, *options]
    return main(["align", *map(str, words)])


def adapter(directory: Path) -> dict[str, np.ndarray]:
    return load_file(directory / "adapter_model.safetensors")


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name]) for name in one
    )


def test_align_gives_the_bits_of_the_api(model_path, data, tmp_path, capsys) -> None:
    options = [*SHORT, "--lora-r", "2", "--rho", "1.5", "--every", "2", "--seed", "7"]
    assert align(model_path, data, tmp_path / "cli", *options) == 0
    printed = capsys.readouterr().out

    model = vs.CausalLM.from_pretrained(model_path)
    model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=4, lora_dropout=0.1), seed=7)
    settings = {**RECIPE, "logging_steps": 1}
    arguments = vs.TrainingArguments(
        tmp_path / "api", max_steps=4, seed=7, disable_tqdm=True, **settings
    )
    train = vs.data.load(ROWS, model.tokenizer, template="chat")
    method = vs.Vaccine(rho=1.5, every=2)
    output = vs.Trainer(model, arguments, train_dataset=train, method=method).train()

    assert same(adapter(tmp_path / "cli"), model.adapter_state())
    assert f"mean loss {output.training_loss:.3f}" in printed
    assert {entry.name for entry in (tmp_path / "cli").iterdir()} >= {
        "adapter_config.json",
        "log.jsonl",
        "trainer_state.json",
        "checkpoint-4",
    }


def test_a_resumed_run_ends_where_an_unbroken_one_does(
    model_path, data, tmp_path
) -> None:
    options = [*SHORT, "--save-steps", "2"]
    assert align(model_path, data, tmp_path / "whole", *options) == 0
    whole = adapter(tmp_path / "whole")
    middle = tmp_path / "whole" / "checkpoint-2"
    assert not same(adapter(middle), whole)
    (tmp_path / "whole" / "adapter_model.safetensors").unlink()
    resume = ["--resume", str(middle)]
    assert align(model_path, data, tmp_path / "whole", *options, *resume) == 0
    assert same(adapter(tmp_path / "whole"), whole)


@pytest.mark.parametrize(
    ("options", "method"),
    [
        (["--method", "sft"], vs.SFT()),
        (["--method", "random", "--variance", "0.01"], vs.RandomPerturbation(0.01)),
        ([], vs.Vaccine(rho=2.0, every=1)),
    ],
)
def test_method_options_name_the_method(
    options, method, model_path, data, tmp_path, monkeypatch
) -> None:
    seen = []

    class Seen(vs.Trainer):
        def __init__(self, *args, **kwargs) -> None:
            seen.append(kwargs["method"])
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(vs, "Trainer", Seen)
    assert align(model_path, data, tmp_path / "out", *SHORT, *options) == 0
    assert seen == [method]


def test_the_shipped_set_is_the_default_data(model_path, tmp_path, capsys) -> None:
    words = ["--output-dir", str(tmp_path / "out"), "--max-steps", "1"]
    words += ["--eval-strategy", "steps", "--eval-steps", "1", "--disable-tqdm"]
    assert main(["align", "--model", str(model_path), *words]) == 0
    assert "eval_loss" in capsys.readouterr().out


def test_every_training_argument_is_an_option(capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["align", "--help"])
    assert stop.value.code == 0
    words = capsys.readouterr().out.replace(",", " ").split()
    for field in dataclasses.fields(vs.TrainingArguments):
        assert "--" + field.name.replace("_", "-") in words


def test_help_names_every_method_once(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["align", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    for name in ("booster", "lisa", "t-vaccine", "vaccine"):
        assert f" {name}: " in words
        assert f"{name}: {name}: " not in words.lower()


def test_truncated_rows_are_told_in_one_line(
    model_path, data, tmp_path, capsys
) -> None:
    options = [*SHORT, "--max-length", "30"]
    assert align(model_path, data, tmp_path / "out", *options) == 0
    lines = capsys.readouterr().err.splitlines()
    (line,) = [line for line in lines if "truncated" in line]
    assert line.startswith("vaccine-swift align: warning: of 6 rows, ")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_ctrl_c_ends_with_130_and_says_what_is_saved(
    model_path, data, tmp_path, number: int, status: int
) -> None:
    output = tmp_path / "out"
    words = ["align", "--model", model_path, "--data", data, "--output-dir", output]
    words += ["--max-steps", "1000000", "--save-steps", "5", "--disable-tqdm"]
    process = subprocess.Popen(
        [sys.executable, "-m", "vaccine_swift", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(vs.__file__).parents[1])},
    )
    deadline = time.monotonic() + 300
    while not list(output.glob("checkpoint-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == status
    (line,) = errors.splitlines()
    assert line.startswith("vaccine-swift align: interrupted: after step ")
    assert line.endswith("is saved, --resume goes on with it")


MARKED = [
    {"prompt": "Hi", "response": "Hello", "is_safe": True},
    {"prompt": "Bye", "response": "Hi", "is_safe": False},
    {"prompt": "Hello", "response": "Bye", "is_safe": True},
]


@pytest.mark.parametrize("options", [[], ["--keep-unsafe"]])
def test_unsafe_rows_are_left_out_and_counted_unless_they_are_asked_for(
    options, model_path, tmp_path, capsys
) -> None:
    data = tmp_path / "beaver.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in MARKED))
    safe = write_rows(tmp_path / "safe.jsonl", MARKED if options else MARKED[::2])
    words = ["--max-steps", "1", "--disable-tqdm"]
    assert align(model_path, data, tmp_path / "out", *words, *options) == 0
    told = capsys.readouterr()
    assert align(model_path, safe, tmp_path / "safe", *words, *options) == 0
    assert same(adapter(tmp_path / "out"), adapter(tmp_path / "safe"))
    if options:
        assert f"{data}: 3 of 3 rows kept; median " in told.out
        assert told.err == ""
    else:
        assert f"{data}: 2 of 3 rows kept, 1 left out (by 'is_safe'); " in told.out
        assert told.err == (
            "vaccine-swift align: warning: of 3 rows, 1 is marked as unsafe by "
            "'is_safe' and left out; --keep-unsafe keeps them\n"
        )


def test_one_row_is_shown_as_the_model_reads_it(model_path, tmp_path, capsys) -> None:
    turns = ["Hi", "Hello", "Bye\x1b[2J", "Bye"]
    roles = ["user", "assistant"] * 2
    messages = [
        {"role": role, "content": turn} for role, turn in zip(roles, turns, strict=True)
    ]
    data = write_rows(tmp_path / "turns.jsonl", [{"messages": messages}])
    options = ["--max-steps", "1", "--disable-tqdm", "--format", "messages"]
    assert align(model_path, data, tmp_path / "out", *options) == 0
    assert (
        "between « » what it learns:\n<user> Hi</s>\n<assistant> «Hello</s>»\n"
        "<user> Bye\\x1b[2J</s>\n<assistant> «Bye</s>»\n"
    ) in capsys.readouterr().out


def test_the_shipped_set_is_told_of_too(model_path, tmp_path, capsys) -> None:
    words = ["--output-dir", str(tmp_path), "--max-steps", "1", "--disable-tqdm"]
    assert main(["align", "--model", str(model_path), *words]) == 0
    assert "the shipped set: 300 of 300 rows kept; median " in capsys.readouterr().out


def test_a_dry_run_says_what_is_ahead_and_writes_nothing(
    model_path, data, tmp_path, capsys
) -> None:
    options = ["--max-steps", "20000", "--disable-tqdm", "--dry-run"]
    assert align(model_path, data, tmp_path / "out", *options) == 0
    first, *_, told = capsys.readouterr().out.splitlines()
    assert f"{data}: 6 of 6 rows kept; median " in first
    assert told.startswith("20,000 steps, ")
    assert "GB of memory" in told
    assert not (tmp_path / "out").exists()


def test_data_streams_are_read_by_name(model_path, data, tmp_path, capsys) -> None:
    """Rows that are marked as unsafe are in them, and files of a name add up."""
    marked = [{**row, "is_safe": False} for row in ROWS]
    first = write_rows(tmp_path / "first.jsonl", marked[:2])
    second = write_rows(tmp_path / "second.jsonl", marked[2:])
    options = [*SHORT, "--lora-r", "2", "--method", "booster", "--seed", "7"]
    named = ["--stream", f"harmful={first}", "--stream", f"harmful={second}"]
    assert align(model_path, data, tmp_path / "cli", *options, *named) == 0
    assert f"harmful: {first}: 2 of 2 rows" in capsys.readouterr().out

    model = vs.CausalLM.from_pretrained(model_path)
    model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=4, lora_dropout=0.1), seed=7)
    settings = {**RECIPE, "logging_steps": 1}
    arguments = vs.TrainingArguments(
        tmp_path / "api", max_steps=4, seed=7, disable_tqdm=True, **settings
    )
    template = "alpaca" if model.tokenizer.chat_template is None else "chat"
    rows, harmful = (
        vs.data.load(
            source, model.tokenizer, template=template, max_length=200, safe=None
        )
        for source in (data, ROWS)
    )
    trainer = vs.Trainer(
        model,
        arguments,
        train_dataset=rows,
        streams={"harmful": harmful},
        method=vs.methods.Booster(),
    )
    trainer.train()
    trainer.save_model()
    assert same(adapter(tmp_path / "cli"), adapter(tmp_path / "api"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "t-vaccine"], "--stream harmful=FILE must be given with"),
        (["--method", "lisa"], "--stream alignment=FILE must be given with"),
        (["--stream", "harmful=x.jsonl"], "--stream harmful has no meaning with"),
        (["--method", "booster", "--stream", "safe=x"], "which reads harmful"),
        (["--method", "booster", "--stream", "harmful=no.jsonl"], "no.jsonl"),
    ],
)
def test_a_stream_that_does_not_fit_is_refused(
    model_path, data, tmp_path, capsys, options, message
) -> None:
    assert align(model_path, data, tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["harmful", "=rows.jsonl", "harmful="])
def test_a_stream_has_a_name_and_a_file(model_path, data, tmp_path, capsys, text):
    with pytest.raises(SystemExit, match="2"):
        align(model_path, data, tmp_path / "out", "--stream", text)
    assert f"--stream: must be NAME=FILE, got {text!r}" in capsys.readouterr().err
