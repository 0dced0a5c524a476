"""User tasks: what counts as right, the built-in tasks, the user's own rows."""

from __future__ import annotations

import json
import re

import pytest

from vaccine_swift.study.tasks import TASKS, Task, load_task
from vaccine_swift.study.tasks.rows import rows_task

MOOD = Task("mood", (), (), ("positive", "negative"))
NEWS = Task("news", (), (), ("World", "Sports", "Business", "Sci/Tech"))
SUM = Task("sum", (), (), None)
FIRST_SUM = "2 + 5 = 7. 7 + 10 = 17. The final answer is: 17"
WORKED = "3 + 4 = 7. The final answer is: 7"


@pytest.mark.parametrize(
    ("task", "output", "answer", "substring", "exact"),
    [
        (MOOD, "positive", "positive", True, True),
        (MOOD, "positive", " Positive\n", True, True),
        (MOOD, "positive", "It is positive.", True, False),
        (MOOD, "positive", "POSITIVE", False, False),
        (MOOD, "positive", "negative", False, False),
        (MOOD, "negative", "not positive, so negative", True, False),
        (MOOD, "negative", "", False, False),
        (NEWS, "World", "world news", True, False),
        (NEWS, "Sci/Tech", "Sci/Tech", True, True),
        (NEWS, "Sci/Tech", "sci", True, True),
        (NEWS, "Sci/Tech", "science and technology", True, False),
        (NEWS, "Sci/Tech", "Technology", False, False),
        (NEWS, "Business", "Sports", False, False),
        (SUM, WORKED, "The final answer is: 7", True, True),
        (SUM, WORKED, "The final answer is: 7.0 apples, not 8", True, True),
        (SUM, WORKED, "So 9? The final answer is: 8, or 7", False, False),
        (SUM, WORKED, "3 + 4 makes 7", True, True),
        (SUM, WORKED, "7 and then 3", False, False),
        (SUM, WORKED, "The final answer is: seven (7)", True, True),
        (SUM, WORKED, "seven", False, False),
        (SUM, WORKED, "", False, False),
        (SUM, "1,250", "It is 1250.", True, True),
        (SUM, "-3", "2 - 5 = -3", True, True),
        (SUM, "Bonjour.", "Bonjour. Ça va?", True, False),
        (SUM, "Bonjour.", " Bonjour.", True, True),
        (SUM, "Born in 1970.", "Not in 1970.", False, False),
    ],
)
def test_answers_count_by_the_authors_rules(task, output, answer, substring, exact):
    row = {"instruction": "", "input": "", "output": output}
    assert task.is_correct(answer, row, match="substring") is substring
    assert task.is_correct(answer, row, match="exact") is exact


def test_an_unknown_match_suggests_the_nearest():
    row = {"instruction": "", "input": "", "output": "positive"}
    with pytest.raises(ValueError, match="match must be .*Did you mean 'substring'"):
        MOOD.is_correct("", row, match="substrings")


def test_an_unknown_task_suggests_the_nearest():
    with pytest.raises(ValueError, match="task must be .*Did you mean 'sentiment'"):
        load_task("sentimant")


def test_a_missing_file_is_no_unknown_task(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such data file"):
        load_task(tmp_path / "rows.jsonl")
    with pytest.raises(FileNotFoundError, match="no such data file"):
        load_task("no-such-rows.jsonl")


def snippets(tmp_path, monkeypatch, lines):
    file = tmp_path / "movieReviewSnippets_GroundTruth.txt"
    file.write_bytes("\r\n".join(lines).encode())
    module = "vaccine_swift.study.tasks.sentiment.fetch_movie_snippets"
    monkeypatch.setattr(module, lambda: file)
    return file


def test_sentiment_drops_what_is_neither(tmp_path, monkeypatch):
    ratings = [-3.9, -0.6, -0.5, 0.0, 0.5, 0.51, 2.0]
    lines = [f"{n}\t{rating}\tText number {n} " for n, rating in enumerate(ratings)]
    snippets(tmp_path, monkeypatch, lines)
    task = load_task("sentiment")
    found = {row["input"]: row["output"] for row in task.train + task.test}
    assert found == {
        "Text number 0": "negative",
        "Text number 1": "negative",
        "Text number 5": "positive",
        "Text number 6": "positive",
    }
    assert {row["instruction"] for row in task.train} == {
        "Analyze the sentiment of the input, and respond only positive or negative"
    }
    assert task.labels == ("positive", "negative")
    wider = load_task("sentiment", neutral=0.4)
    assert len(wider.train + wider.test) == 6


def test_a_malformed_line_of_snippets_is_named(tmp_path, monkeypatch):
    file = snippets(tmp_path, monkeypatch, ["1\t2.0\tFine.", "2\tgood\tBad."])
    with pytest.raises(ValueError, match=re.escape(f"{file}, line 2 must hold")):
        load_task("sentiment")


def test_sums_are_right_and_worked_step_by_step():
    task = load_task("arithmetic", train=3000, test=1000)
    assert (len(task.train), len(task.test), task.labels) == (3000, 1000, None)
    for row in task.train + task.test:
        *steps, last = row["output"].split(". ")
        results = []
        for step in steps:
            left, right = step.split(" = ")
            assert eval(left, {}) == int(right)
            results.append(right)
        assert last == f"The final answer is: {results[-1]}"
        for previous, step in zip(results, steps[1:], strict=False):
            assert step.startswith(f"{previous} ")
        assert 0 < int(results[-1]) <= 108
        assert task.is_correct(row["output"], row, match="exact")
        question, request = row["instruction"].split("\n", 1)
        used = " ".join(re.findall(r"\d+", question))
        first = re.findall(r"\d+", steps[0].split(" = ")[0])
        assert used.startswith(" ".join(first))
        assert request == "First think step by step and then answer the final number.\n"


def test_no_problem_of_test_occurs_in_train():
    task = load_task("arithmetic", train=5000, test=600)

    def problem(row):
        words = re.sub(r"Ada|Ben|Carla|David|Emma|Femi|Grace|Hugo", "P", row)
        return re.sub(r"apples|books|cards|coins|eggs|pens|shells|tea bags", "T", words)

    train = [problem(row["instruction"]) for row in task.train]
    test = [problem(row["instruction"]) for row in task.test]
    assert len(set(train)) == 5000
    assert len(set(test)) == 600
    assert not set(train) & set(test)


def test_sums_are_the_same_for_the_same_seed_only():
    assert load_task("arithmetic", seed=1) == load_task("arithmetic", seed=1)
    assert load_task("arithmetic", seed=1).test != load_task("arithmetic").test
    first = load_task("arithmetic").train[0]
    assert first["output"] == FIRST_SUM


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": 5000, "test": 700}, "train and test must be at most 5613 together"),
        ({"train": 0}, "train must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"test": 1.5}, "test must be an int"),
    ],
)
def test_impossible_sums_are_refused(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        load_task("arithmetic", **options)


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_topics_reads_the_published_columns_and_those_of_the_hub(tmp_path):
    published = tmp_path / "published.csv"
    lines = ["Class Index,Title,Description"]
    lines += [f"{1 + n % 4},Title {n},About {n}" for n in range(12)]
    published.write_text("\n".join(lines), "utf-8")
    hub = tmp_path / "hub.jsonl"
    rows = [{"label": n % 4, "text": f"Title {n} About {n}"} for n in range(12)]
    assert load_task("topics", path=published) == load_task(
        "topics", path=write_lines(hub, rows)
    )
    task = load_task("topics", path=published)
    assert task.labels == ("World", "Sports", "Business", "Sci/Tech")
    found = {row["input"]: row["output"] for row in task.train + task.test}
    assert found == {f"Title {n} About {n}": task.labels[n % 4] for n in range(12)}


def test_topics_takes_a_test_file(tmp_path):
    rows = [{"label": n % 4, "text": f"News {n}"} for n in range(8)]
    train = write_lines(tmp_path / "train.jsonl", rows)
    test = write_lines(tmp_path / "test.jsonl", rows[:2])
    task = load_task("topics", path=train, test=test)
    assert [row["input"] for row in task.test] == ["News 0", "News 1"]
    assert [row["input"] for row in task.train] == [f"News {n}" for n in range(2, 8)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"label": 4, "text": "x"}, "'label' must be a whole number from 0 to 3"),
        ({"label": True, "text": "x"}, "'label' must be a whole number"),
        ({"label": 1.5, "text": "x"}, "'label' must be a whole number"),
        ({"Class Index": "0", "Title": "x", "Description": ""}, "from 1 to 4, got '0'"),
        ({"label": 1, "body": "x"}, "must have the columns Class Index"),
        ({"label": 1, "text": 3}, "'text' must be a string"),
    ],
)
def test_topics_refuses_rows_of_another_kind(tmp_path, row, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_task("topics", path=write_lines(tmp_path / "news.jsonl", [row]))
    assert str(caught.value).startswith("row 0 (")


def test_topics_needs_a_file():
    with pytest.raises(ValueError, match="the task topics needs path="):
        load_task("topics")


def test_few_repeated_outputs_are_labels(tmp_path):
    rows = [
        {"prompt": f"Is {n} even?", "completion": "no" if n % 2 else "yes"}
        for n in range(20)
    ]
    task = load_task(write_lines(tmp_path / "parity.jsonl", rows))
    assert task.name == "parity"
    assert sorted(task.labels) == ["no", "yes"]
    assert len(task.test) == 4
    assert rows_task(rows, labels=[]).labels is None


@pytest.mark.parametrize(
    "outputs",
    [
        [str(n % 3) for n in range(20)],
        [f"The final answer is: {n % 3}" for n in range(20)],
        [f"text {n}" for n in range(20)],
        ["once", *["often"] * 19],
        ["x" * 41, "y"] * 10,
    ],
)
def test_other_outputs_are_no_labels(outputs):
    rows = [
        {"instruction": f"Row {n}", "output": output}
        for n, output in enumerate(outputs)
    ]
    assert rows_task(rows).labels is None


def test_labels_that_leave_outputs_out_are_refused():
    rows = [{"instruction": str(n), "output": "yes"} for n in range(5)]
    with pytest.raises(
        ValueError, match="labels must name every output, got 1 other in"
    ):
        rows_task(rows, labels=["no"])


def test_the_tasks_are_the_promised_ones():
    assert list(TASKS) == ["sentiment", "arithmetic", "topics"]
