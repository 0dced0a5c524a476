"""What a run writes down: log entries, log.jsonl, trainer_state.json, the bar."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from training_support import (
    Recorder,
    adapter_bytes,
    examples,
    trainer,
    without_times,
)

import vaccine_swift as vs
from vaccine_swift.files.plain_json import plain


def test_the_logged_loss_is_the_mean_since_the_last_log(tmp_path) -> None:
    recorder = Recorder()
    run = trainer(tmp_path, callbacks=[recorder], logging_steps=4, num_train_epochs=2)
    output = run.train()
    entries = [entry for entry in run.state.log_history if "loss" in entry]
    assert [entry["step"] for entry in entries] == [4, 8, 12]
    for index, entry in enumerate(entries):
        steps = recorder.metrics[4 * index : 4 * index + 4]
        for name in ("loss", "clean_loss"):
            mean = sum(metrics[name] for metrics in steps) / 4
            assert entry[name] == pytest.approx(mean, rel=1e-14)
        assert entry["grad_norm"] == steps[-1]["grad_norm"]
        assert entry["learning_rate"] == steps[-1]["learning_rate"]
        assert entry["epoch"] == pytest.approx(entry["step"] / 6)
    mean = sum(metrics["loss"] for metrics in recorder.metrics) / 12
    assert output.training_loss == pytest.approx(mean, rel=1e-14)


def test_tokens_per_second_counts_real_tokens(tmp_path) -> None:
    data = examples(12)
    run = trainer(tmp_path, data=data, logging_steps=6)
    metrics = run.train().metrics
    tokens = sum(example.tokens for example in data)
    assert run.state.num_input_tokens_seen == tokens
    rate = metrics["train_tokens_per_second"] * metrics["train_runtime"]
    assert rate == pytest.approx(tokens)
    assert run.state.log_history[0]["tokens_per_second"] > 0


def test_random_perturbation_has_no_clean_loss(tmp_path) -> None:
    run = trainer(tmp_path, method=vs.RandomPerturbation(1e-3), logging_steps=1)
    run.train()
    assert all("clean_loss" not in entry for entry in run.state.log_history)
    assert all(math.isfinite(x) for e in run.state.log_history for x in e.values())


def test_log_jsonl_is_the_log_history(tmp_path) -> None:
    run = trainer(
        tmp_path, evaluation=examples(2), logging_steps=2, eval_strategy="epoch"
    )
    run.train()
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == run.state.log_history


def test_report_to_none_writes_no_log_file(tmp_path) -> None:
    trainer(tmp_path, report_to="none").train()
    assert not (tmp_path / "log.jsonl").exists()


def test_trainer_state_json_has_transformers_fields(tmp_path) -> None:
    run = trainer(tmp_path, logging_steps=3)
    run.train()
    state = json.loads((tmp_path / "trainer_state.json").read_text())
    assert state == dataclasses.asdict(run.state)
    assert (state["global_step"], state["max_steps"], state["epoch"]) == (6, 6, 1.0)
    assert {"best_metric", "stateful_callbacks", "is_world_process_zero"} <= set(state)
    loaded = vs.TrainerState.load_from_json(tmp_path / "trainer_state.json")
    assert loaded == run.state


def test_logging_first_step_logs_step_one(tmp_path) -> None:
    run = trainer(tmp_path, logging_first_step=True, logging_steps=5)
    run.train()
    assert [e["step"] for e in run.state.log_history if "loss" in e] == [1, 5]


def test_shares_of_all_steps_become_steps(tmp_path) -> None:
    run = trainer(tmp_path, logging_steps=0.5, num_train_epochs=2)
    run.train()
    assert [e["step"] for e in run.state.log_history if "loss" in e] == [6, 12]


def test_an_evaluation_can_come_first_or_late(tmp_path) -> None:
    run = trainer(
        tmp_path,
        evaluation=examples(2),
        eval_strategy="steps",
        eval_steps=1,
        eval_on_start=True,
        eval_delay=4,
    )
    run.train()
    steps = [e["step"] for e in run.state.log_history if "eval_loss" in e]
    assert steps == [0, 4, 5, 6]


def test_the_bar_shows_loss_rate_speed_and_time_left(tmp_path, capsys) -> None:
    trainer(tmp_path, disable_tqdm=False, evaluation=examples(1)).train()
    shown = capsys.readouterr().err
    for text in ("6/6", "loss ", "clean ", "lr ", "tokens/s", "00:00 left"):
        assert text in shown


def test_without_the_bar_log_entries_are_printed(tmp_path, capsys) -> None:
    trainer(tmp_path, logging_steps=3).train()
    captured = capsys.readouterr()
    assert captured.out.count("'loss'") == 2
    assert captured.err == ""


def test_evaluate_logs_under_its_prefix(tmp_path) -> None:
    run = trainer(tmp_path / "new")
    metrics = run.evaluate(examples(2), metric_key_prefix="held_out")
    assert metrics["held_out_loss"] > 0
    assert without_times(run.state.log_history) == [
        {"held_out_loss": metrics["held_out_loss"], "epoch": 0.0, "step": 0}
    ]


def test_save_model_writes_peft_files(tmp_path) -> None:
    run = trainer(tmp_path)
    run.save_model(tmp_path / "adapter")
    names = {entry.name for entry in (tmp_path / "adapter").iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors"} <= names


class Uncopyable:
    """As a lock or a tensor with a gradient."""

    def __deepcopy__(self, memo: object) -> None:
        raise TypeError

    def __str__(self) -> str:
        return "mine"


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        np.float32(0.5),
        np.float64(-math.inf),
        np.int64(3),
        np.bool_(False),
        np.arange(3),
        Path("a"),
        Uncopyable(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_training_goes_on_whatever_a_callback_logs(tmp_path, value) -> None:
    class Logs(vs.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            run.log({"own": value})

        def state(self):
            return {"attributes": {"kept": value}}

    settings = {"save_strategy": "steps", "save_steps": 3, "logging_steps": 2}
    run = trainer(tmp_path, callbacks=[Logs()], **settings)
    assert run.train().global_step == 6
    content = json.loads((tmp_path / "checkpoint-6" / "trainer_state.json").read_text())
    logged = [entry["own"] for entry in content["log_history"] if "own" in entry]
    assert logged == [plain(value)] * 6
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    logged = [entry["own"] for entry in map(json.loads, lines) if "own" in entry]
    assert logged == [plain(value)] * 6
    shutil.rmtree(tmp_path / "checkpoint-6")
    whole, run = run, trainer(tmp_path, callbacks=[Logs()], **settings)
    assert run.train(resume_from_checkpoint=True).global_step == 6
    assert adapter_bytes(run.model) == adapter_bytes(whole.model)


def test_a_metric_that_is_nan_is_never_the_best(tmp_path) -> None:
    losses = [math.nan, 3.0, math.nan, 2.0, math.nan, 2.5]
    run = trainer(
        tmp_path,
        evaluation=examples(1),
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="best",
        load_best_model_at_end=True,
    )
    run.model.loss = lambda batch: (losses[run.state.global_step - 1], 1)
    run.train()
    assert (run.state.best_metric, run.state.best_global_step) == (2.0, 4)


def test_an_evaluation_under_another_name_is_shown_beside_the_bar(
    tmp_path, capsys
) -> None:
    class Tests(vs.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 2:
                run.evaluate(examples(2), metric_key_prefix="test")

    run = trainer(tmp_path, callbacks=[Tests()], disable_tqdm=False)
    run.train()
    assert "step 2: test_loss " in "".join(capsys.readouterr())
