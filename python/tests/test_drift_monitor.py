"""Drift from the start, measured while a model trains."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import vaccine_swift as vs
from vaccine_swift import drift

DATA = [vs.Example([k, 2, 3, k + 1], [-100, 2, 3, 4]) for k in range(30)]
PROBE = DATA[:10]
GROUPS = {"low": [k < 4 for k in range(10)], "high": [k >= 4 for k in range(10)]}


def model() -> vs.CausalLM:
    made = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    made.add_adapter(vs.LoRAConfig(r=2, lora_alpha=4), seed=0)
    return made


def train(trained: vs.CausalLM, monitor: drift.Monitor, directory, **settings):
    settings = {"learning_rate": 1e-2, "max_steps": 7, "logging_steps": 2} | settings
    args = vs.TrainingArguments(str(directory), disable_tqdm=True, **settings)
    trainer = vs.Trainer(trained, args, train_dataset=DATA, callbacks=[monitor])
    trainer.train()
    return trainer


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_last_measurement_is_what_compare_says(tmp_path) -> None:
    trained = model()
    monitor = drift.Monitor(PROBE, every=3, groups=GROUPS)
    train(trained, monitor, tmp_path)
    assert [entry["step"] for entry in monitor.history] == [3, 6, 7]
    compared = drift.compare(model(), trained, PROBE, pool="mean", groups=GROUPS)
    expected = compared.report(tests=[]).to_dict()
    last = monitor.history[-1]
    found = [last["relative_drift"], last["low"], last["high"]]
    overall = expected["overall"]["relative_drift"]
    np.testing.assert_allclose(
        found, [overall[end] for end in ("value", "low", "high")], rtol=1e-5
    )
    layers = [layer["relative_drift"]["value"] for layer in expected["layers"]]
    np.testing.assert_allclose(last["layers"], layers, rtol=1e-5)
    assert set(last["groups"]) == {"low", "high"}
    assert monitor.report.to_dict()["settings"]["metadata"]["current"] == "step 7"


def test_measuring_does_not_disturb_training(tmp_path) -> None:
    plain, watched = model(), model()
    args = vs.TrainingArguments(
        str(tmp_path / "a"), learning_rate=1e-2, max_steps=7, disable_tqdm=True
    )
    vs.Trainer(plain, args, train_dataset=DATA).train()
    train(watched, drift.Monitor(PROBE, every=1), tmp_path / "b")
    for name, value in plain.adapter_state().items():
        np.testing.assert_array_equal(watched.adapter_state()[name], value)


def test_the_curve_is_in_every_log(tmp_path) -> None:
    monitor = drift.Monitor(PROBE, every=4, groups=GROUPS, path=tmp_path / "m.jsonl")
    trainer = train(model(), monitor, tmp_path / "out")
    own = lines_of(tmp_path / "m.jsonl")
    assert own == monitor.history
    lines = lines_of(tmp_path / "out" / "log.jsonl")
    state = json.loads((tmp_path / "out" / "trainer_state.json").read_text())
    for log in (trainer.state.log_history, lines, state["log_history"]):
        drifts = {e["step"]: e["drift"] for e in log if "drift" in e}
        assert drifts == {e["step"]: e["relative_drift"] for e in monitor.history}
        assert [e["step"] for e in log if "loss" in e] == [2, 4, 6]
    entry = next(each for each in lines if "drift" in each)
    ends = {"drift_low", "drift_high"}
    groups = {"drift/low", "drift/high"}
    assert set(entry) == {"drift", "epoch", "step"} | ends | groups


def test_a_given_reference_is_measured_at_the_start_too(tmp_path) -> None:
    other = vs.CausalLM.from_config(vs.tiny_config(), seed=9)
    monitor = drift.Monitor(PROBE, every=5, reference=other, pool="tokens")
    trained = model()
    start = drift.compare(other, trained, PROBE).report(tests=[]).to_dict()
    train(trained, monitor, tmp_path)
    assert [entry["step"] for entry in monitor.history] == [0, 5, 7]
    assert monitor.history[0]["relative_drift"] == pytest.approx(
        start["overall"]["relative_drift"]["value"], rel=1e-6
    )


def test_a_second_run_starts_anew(tmp_path) -> None:
    trained = model()
    monitor = drift.Monitor(PROBE, every=7, path=tmp_path / "m.jsonl")
    for run in ("a", "b"):
        train(trained, monitor, tmp_path / run)
        assert len(monitor.history) == 1
        assert len((tmp_path / "m.jsonl").read_text().splitlines()) == 1


def test_the_curve_is_drawn(tmp_path) -> None:
    monitor = drift.Monitor(PROBE, every=2, groups=GROUPS)
    with pytest.raises(ValueError, match="got none"):
        monitor.plot()
    train(model(), monitor, tmp_path)
    axes = monitor.plot().axes[0]
    assert axes.lines[0].get_xdata().tolist() == [2, 4, 6, 7]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["all prompts", "low", "high"]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"every": 0}, ValueError, "every must be at least 1"),
        ({"confidence": 1}, ValueError, "confidence must be"),
        ({"reference": "start"}, TypeError, "reference must be a CausalLM"),
        ({"dataset": []}, ValueError, "at least one Example"),
        ({"pool": "avg"}, ValueError, "pool must be one of"),
    ],
)
def test_bad_arguments_name_themselves(arguments, error, words) -> None:
    with pytest.raises(error, match=words):
        drift.Monitor(**{"dataset": PROBE} | arguments)


def test_a_reference_of_another_size_is_refused(tmp_path) -> None:
    wide = vs.CausalLM.from_config(vs.tiny_config(hidden_size=64))
    with pytest.raises(ValueError, match="2 layers of width 64, got 2 of width 32"):
        train(model(), drift.Monitor(PROBE, reference=wide), tmp_path)
