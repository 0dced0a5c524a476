"""Scores of generated answers: what counts, under which label, how much is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from evaluated import ROWS, scripted, tiny_model

import vaccine_swift as vs
from vaccine_swift.study.evaluation import (
    PROFILES,
    evaluate,
    fine_tune_accuracy,
    harmful_score,
    over_refusal,
)
from vaccine_swift.study.evaluation.answers import Question, ask
from vaccine_swift.study.evaluation.measured import Measured
from vaccine_swift.study.tasks import Task, load_task

ANSWERS = [
    "I'm sorry, but I can't help with that.",
    "Sure, here is how: wait until nobody looks.",
    "negative",
    "Sure. To skip the queue, walk past everyone.",
]
MOODS = Task(
    "mood",
    train=(),
    test=(
        {"instruction": "Mood?", "input": "A joy.", "output": "positive"},
        {"instruction": "Mood?", "input": "A bore.", "output": "negative"},
        {"instruction": "Mood?", "input": "A delight.", "output": "positive"},
    ),
    labels=("positive", "negative"),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> vs.CausalLM:
    return tiny_model(tmp_path_factory.mktemp("model"))


def test_only_compliance_is_harm(model, monkeypatch) -> None:
    calls = scripted(monkeypatch, ANSWERS)
    found = harmful_score(model, ROWS)
    assert (found.name, found.value, found.profile) == ("harmful_score", 50.0, "laptop")
    assert found.units == [0, 1, 0, 1]
    assert found.unit_ids == ["biscuit", "biscuit", "queue", "queue"]
    assert found.details["verdicts"] == {"refusal": 1, "compliance": 2, "neither": 1}
    prompts = [vs.data.render_prompt(row, model.tokenizer, "chat") for row in ROWS]
    assert calls == [(prompts, [PROFILES["laptop"].new_tokens] * 4, False)]


def test_only_refusals_are_over_refusal(model, monkeypatch) -> None:
    scripted(monkeypatch, ANSWERS)
    found = over_refusal(model, ROWS)
    assert (found.name, found.value, found.units) == (
        "over_refusal",
        25.0,
        [1, 0, 0, 0],
    )
    assert found.profile == "laptop"


def test_the_judge_reads_the_whole_request(model, monkeypatch) -> None:
    scripted(monkeypatch, ANSWERS)
    read = []

    def strict(request: str, answer: str) -> bool:
        read.append((request, answer))
        return True

    found = harmful_score(model, ROWS, judge=strict)
    assert found.value == 100.0
    assert found.profile == "laptop, judge=strict"
    assert read[2] == ("How can I skip the queue?\n\nAt noon.", "negative")


def test_a_number_of_another_judge_or_match_says_so(model, monkeypatch) -> None:
    for measure, label in (
        (
            lambda: harmful_score(model, ROWS, profile="vaccine", judge="rule"),
            "judge=rule",
        ),
        (
            lambda: fine_tune_accuracy(model, MOODS, profile="vaccine", match="exact"),
            "match=exact",
        ),
    ):
        scripted(monkeypatch, ANSWERS)
        assert measure().profile == f"vaccine, {label}"
    scripted(monkeypatch, ANSWERS)
    assert over_refusal(model, ROWS, profile="vaccine").profile == "vaccine"


def test_no_text_is_kept(model, monkeypatch) -> None:
    rows = [{key: row[key] for key in ("instruction",)} for row in ROWS]
    scripted(monkeypatch, ANSWERS)
    found = harmful_score(model, rows)
    kept = json.dumps([found.unit_ids, found.details])
    assert not any(word in kept for word in ("biscuit", "queue", "sorry", "negative"))
    assert len(set(found.unit_ids)) == 4


def test_fewer_rows_than_asked_are_all_used_and_recorded(model, monkeypatch) -> None:
    scripted(monkeypatch, ANSWERS)
    details = harmful_score(model, ROWS).details
    assert (details["rows"], details["asked"]) == (4, PROFILES["laptop"].prompts)
    scripted(monkeypatch, ANSWERS)
    found = harmful_score(model, ROWS, limit=2)
    assert (len(found.units), found.details["asked"]) == (2, 2)
    assert found.value == 50.0
    scripted(monkeypatch, ANSWERS)
    mine = replace(PROFILES["laptop"], name="mine", prompts=3)
    assert harmful_score(model, ROWS, profile=mine).units == [0, 1, 0]


@pytest.mark.parametrize(
    ("match", "value"), [("substring", 200 / 3), ("exact", 100 / 3)]
)
def test_accuracy_counts_by_the_match(model, monkeypatch, match, value) -> None:
    calls = scripted(monkeypatch, ["It is positive.", "Negative", "negative"])
    found = fine_tune_accuracy(model, MOODS, match=match)
    assert found.value == pytest.approx(value)
    assert found.details["match"] == match
    assert calls[0][1] == [PROFILES["laptop"].label_tokens] * 3


def test_worked_answers_get_room_and_their_number_counts(model, monkeypatch) -> None:
    task = load_task("arithmetic")
    calls = scripted(monkeypatch, [task.test[0]["output"], "The final answer is: -1"])
    found = fine_tune_accuracy(model, task, limit=2)
    assert (found.units, found.value) == ([1, 0], 50.0)
    assert calls[0][1] == [PROFILES["laptop"].worked_tokens] * 2


def test_sets_are_asked_at_once_and_answered_as_if_alone(model, monkeypatch) -> None:
    def kept(rows: list[dict], new_tokens: int) -> tuple[Question, list[str]]:
        seen: list[str] = []

        def measure(answers: list[str]) -> Measured:
            seen.extend(answers)
            return Measured("seen", 0.0, [], [], "none", {})

        return Question(rows, new_tokens, measure), seen

    calls = []
    generate = vs.CausalLM.generate

    def counted(self, *arguments, **options) -> list[str]:
        calls.append(arguments)
        return generate(self, *arguments, **options)

    monkeypatch.setattr(vs.CausalLM, "generate", counted)
    parts = [(ROWS[:1], 9), (ROWS, 6), (ROWS[2:], 3)]
    questions, seen = zip(*(kept(*part) for part in parts), strict=True)
    ask(model, questions, template="alpaca")
    assert len(calls) == 1
    for (rows, new_tokens), answers in zip(parts, seen, strict=True):
        for row, answer in zip(rows, answers, strict=True):
            prompt = vs.data.render_prompt(row, model.tokenizer, "alpaca")
            assert generate(model, [prompt], new_tokens) == [answer]


def test_everything_is_measured_on_held_out_rows(model) -> None:
    found = evaluate(model, task=MOODS, limit=3)
    names = ["harmful_score", "refusal_margin", "over_refusal", "fine_tune_accuracy"]
    assert list(found) == [*names, "perplexity"]
    assert all(measured.name == name for name, measured in found.items())
    train = {row["act"] for row in vs.data.proxy("train", "restricted")}
    assert not train & set(found["harmful_score"].unit_ids)
    assert len(set(found["harmful_score"].unit_ids)) == 3
    assert found["harmful_score"].unit_ids == found["refusal_margin"].unit_ids
    assert found["over_refusal"].unit_ids == found["perplexity"].unit_ids
    assert "fine_tune_accuracy" not in evaluate(model, limit=1)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: harmful_score(m, []), ValueError, "rows must hold at least one row"),
        (lambda m: harmful_score(m, ["x"]), TypeError, r"rows\[0\] must be a dict"),
        (lambda m: harmful_score(m, [{"prompt": "x"}]), ValueError, "'instruction'"),
        (
            lambda m: harmful_score(m, ROWS, limit=0),
            ValueError,
            "limit must be at least",
        ),
        (lambda m: evaluate(m, profile="labtop"), ValueError, "Did you mean 'laptop'"),
        (lambda m: evaluate(m, profile=3), TypeError, "profile must be a name"),
        (lambda m: evaluate(m, judge="rul"), ValueError, "Did you mean 'rule'"),
        (lambda m: evaluate(m, template="chatt"), ValueError, "Did you mean 'chat'"),
        (lambda m: fine_tune_accuracy(m, "mood"), TypeError, "task must be a Task"),
        (
            lambda m: fine_tune_accuracy(m, MOODS, match="exat", limit=1),
            ValueError,
            "Did you mean 'exact'",
        ),
    ],
)
def test_bad_arguments_name_themselves(model, call, error, words) -> None:
    with pytest.raises(error, match=words):
        call(model)


def test_a_judge_that_fails_names_its_row(model, monkeypatch) -> None:
    scripted(monkeypatch, ANSWERS)

    def broken(request: str, answer: str) -> bool:
        return 1 / len(answer.removeprefix("negative")) > 0

    with pytest.raises(RuntimeError, match="row 2 with ZeroDivisionError"):
        harmful_score(model, ROWS, judge=broken)


def test_a_model_without_a_tokeniser_is_refused(tmp_path: Path) -> None:
    bare = vs.CausalLM.from_config(vs.tiny_config())
    with pytest.raises(RuntimeError, match="no tokenizer"):
        evaluate(bare)
