"""Rows of one's own that are broken here and there: what is said, and of which row."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_support import ROWS, write_model, write_rows
from data_tokenizers import byte_tokenizer

import vaccine_swift as vs
from vaccine_swift import study
from vaccine_swift.cli import main
from vaccine_swift.study.attack import attack_rows
from vaccine_swift.study.judges import load_judge
from vaccine_swift.study.tasks import load_task

HELLO = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]


@pytest.fixture(scope="module")
def model_path(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(
    ("turn", "text"),
    [
        (
            {"from": "alien", "value": "Hi"},
            r"conversations\[0\]\['from'\] must be one of human, gpt, .*got 'alien'",
        ),
        (
            {"from": "humn", "value": "Hi"},
            r"\['from'\] must be one of .* Did you mean 'human'\?",
        ),
        ({"from": 3, "value": "Hi"}, r"\['from'\] must be one of .*got 3"),
        (
            {"from": "gpt", "value": None},
            "must have the keys 'from' and 'value', got {'from': 'gpt'}",
        ),
    ],
)
def test_a_turn_of_sharegpt_is_refused_in_its_own_words(turn, text) -> None:
    rows = [{"conversations": HELLO}, {"conversations": [turn, HELLO[1]]}]
    with pytest.raises(ValueError, match=rf"^row 1: .*{text}"):
        vs.data.load(rows, byte_tokenizer(), template="chat")


def conversation(answer: str) -> dict[str, object]:
    return {"conversations": [HELLO[0], {"from": "gpt", "value": answer}]}


def messages(answer: str) -> dict[str, object]:
    said = {"role": "assistant", "content": answer}
    return {"messages": [{"role": "user", "content": "Hi"}, said]}


@pytest.mark.parametrize(
    "row",
    [
        lambda answer: {"prompt": "Hi", "completion": answer},
        lambda answer: {"instruction": "Hi", "output": answer},
        conversation,
        messages,
    ],
)
@pytest.mark.parametrize("template", ["alpaca", "chat"])
@pytest.mark.parametrize("empty", ["", " \n"])
def test_empty_answers_are_counted_and_told(row, template, empty) -> None:
    rows, tokenizer = [row("Hello"), row(empty), row("Hello")], byte_tokenizer()
    loaded = vs.data.load(rows, tokenizer, template=template)
    assert (loaded.report.kept, loaded.report.unanswered) == (3, 1)
    assert str(loaded.report).endswith("; 1 with an empty answer")
    whole = vs.data.load([rows[0], rows[2]], tokenizer, template=template)
    assert whole.report.unanswered == 0
    assert "empty" not in str(whole.report)


def test_generate_names_the_row_that_it_cannot_ask(
    model_path, tmp_path, capsys
) -> None:
    rows = write_rows(tmp_path / "asked.jsonl", [ROWS[0], {"question": "Hi"}])
    words = ["generate", "--model", model_path, "--data", rows]
    assert main(list(map(str, words))) == 2
    told = capsys.readouterr().err
    assert "row 1 (" in told
    assert "asked.jsonl, line 2) must have one of the keys" in told
    turns = [{"conversations": HELLO}, {"conversations": [{"from": "x", "value": "y"}]}]
    rows = write_rows(tmp_path / "turns.jsonl", turns)
    assert main(list(map(str, [*words[:-1], rows]))) == 2
    assert "turns.jsonl, line 2): conversations[0]['from'] must" in (
        capsys.readouterr().err
    )


def test_too_few_rows_of_a_task_of_ones_own_are_told_with_its_name(tmp_path) -> None:
    rows = [{"instruction": f"Say {k}.", "output": str(k % 2)} for k in range(40)]
    task = load_task(write_rows(tmp_path / "mine.jsonl", rows))
    held = len(task.train)
    with pytest.raises(
        ValueError, match=rf"got {held} to train on of the task 'mine'$"
    ):
        attack_rows(task, samples=100, poison=0.1, seed=0)


def test_a_judge_that_is_none_is_told_what_one_may_be(model_path, capsys) -> None:
    text = "the directory of such a model or, in Python, a function of"
    for judge in ("keywords.txt", ["cannot", "sorry"], 3):
        with pytest.raises(ValueError, match=text):
            study.preset("smoke", judge=judge)
    with pytest.raises(ValueError, match=text):
        load_judge("keywords.txt")
    words = ["evaluate", "--model", str(model_path), "--judge", "keywords.txt"]
    assert main([*words, "--limit", "2"]) == 2
    assert text in capsys.readouterr().err
