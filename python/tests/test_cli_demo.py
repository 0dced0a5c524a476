"""``vaccine-swift demo``, on a tiny model in place of the fetched one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_support import write_model

import vaccine_swift as vs
from vaccine_swift.cli import demo, main
from vaccine_swift.cli.comparison import Comparison, curve, refusal_counts
from vaccine_swift.study.judges.refusals import is_refusal


@pytest.fixture(scope="module")
def model_path(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


def test_demo_compares_saves_and_sums_up(
    model_path, tmp_path, monkeypatch, capsys
) -> None:
    model = vs.CausalLM.from_pretrained(model_path)
    monkeypatch.setattr(demo, "load_model", lambda *_: (model, model.tokenizer))
    monkeypatch.setenv("COLUMNS", "100")
    output = tmp_path / "demo"
    assert main(["demo", "--steps", "2", "--output-dir", str(output)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("request") == 17
    assert "refused, restricted" in printed
    assert "refused, ordinary" in printed
    log = (output / "log.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in log]
    losses = [entry["loss"] for entry in entries if "loss" in entry]
    assert len(losses) == 2
    assert f"{losses[0]:.2f} " in printed
    assert f" {losses[1]:.2f}" in printed

    model = vs.CausalLM.from_pretrained(model_path)
    model.load_adapter(output)
    assert model.adapter == vs.LoRAConfig(r=8, lora_alpha=4, lora_dropout=0.1)


def test_shown_requests_are_of_different_acts_and_all_topics() -> None:
    restricted, ordinary = demo._held_out("restricted"), demo._held_out("ordinary")
    trained = {row["act"] for row in vs.data.proxy("train", "restricted")}
    assert len({row["act"] for row in restricted} - trained) == 6
    topics = {row["topic"] for row in vs.data.proxy("test", "ordinary")}
    assert {row["topic"] for row in ordinary} == topics


def test_every_refusal_of_the_shipped_set_is_seen_as_one() -> None:
    rows = vs.data.proxy("train", "restricted") + vs.data.proxy("test", "restricted")
    missed = {row["output"] for row in rows if not is_refusal(row["output"])}
    assert not missed


def test_no_ordinary_answer_of_the_shipped_set_is_seen_as_a_refusal() -> None:
    rows = vs.data.proxy("train", "ordinary") + vs.data.proxy("test", "ordinary")
    assert not [row["output"] for row in rows if is_refusal(row["output"])]


@pytest.mark.parametrize(
    "answer",
    ["I'm so sorry to hear that.", "I can help with that.", "Sure, sorry!", ""],
)
def test_sympathy_and_consent_are_no_refusals(answer) -> None:
    assert not is_refusal(answer)


def test_refusals_are_counted_before_and_after() -> None:
    no, yes = "I can't help with that.", "Sure."
    compared = [Comparison("?", yes, no), Comparison("?", no, no)]
    assert refusal_counts([*compared, Comparison("?", yes, yes)]) == "1 → 2 of 3"


def test_the_curve_of_a_constant_is_flat() -> None:
    assert curve([1.0] * 50) == f"1.00 {'▁' * 20} 1.00"


def test_the_curve_starts_and_ends_at_means_of_equal_stretches() -> None:
    assert curve([float(x) for x in range(40)]).split()[::2] == ["0.50", "38.50"]
