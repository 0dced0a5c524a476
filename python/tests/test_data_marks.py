"""What rows and messages say about being trained on is obeyed or refused by name."""

from __future__ import annotations

import warnings

import pytest
from data_files import write
from data_tokenizers import word_tokenizer

from vaccine_swift.data import load
from vaccine_swift.data.exchanges import read_exchanges

TOKENIZER = word_tokenizer()
USER, ASSISTANT = [14, 12, 15], [14, 13, 15]
"""< user > and < assistant >"""


def requests(rows, **options) -> list[str]:
    """The requests of the rows that are kept."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = load(rows, TOKENIZER, **options)
    return [row["prompt"].split("\n")[3] for row in dataset.rows]


def marked(column, values, answer="response"):
    return [
        {"prompt": request, answer: "Hello", column: value}
        for request, value in zip(("Hi", "there", "Bye"), values, strict=True)
    ]


@pytest.mark.parametrize(
    "rows",
    [
        marked("is_safe", [True, False, True]),
        marked("is_safe", ["True", "false", "TRUE"]),
        marked("is_safe", [1, 0, 1]),
        marked("is_safe", [True, False, True], answer="completion"),
        marked("unsafe", [False, True, False]),
        marked("is_harmful", [0, 1, 0], answer="completion"),
        marked("flagged", [False, True, False], answer="completion"),
        marked("response_label", ["safe", "unsafe", "safe"]),
        marked("response_harm_label", ["unharmful", "harmful", "unharmful"]),
        marked("label", [True, False, True], answer="completion"),
    ],
)
def test_unsafe_rows_are_left_out_unless_all_are_asked_for(rows) -> None:
    column = next(reversed(rows[0]))
    with pytest.warns(UserWarning, match=f"of 3 rows, 1 .* by '{column}' .*safe=None"):
        report = load(rows, TOKENIZER).report
    assert (report.read, report.kept, report.filtered, report.unsafe) == (3, 2, 1, 1)
    assert report.reasons == ((f"by '{column}'", 1),)
    assert requests(rows) == requests(rows, safe=True) == ["Hi", "Bye"]
    assert requests(rows, safe=False) == ["there"]
    assert requests(rows, safe=None) == ["Hi", "there", "Bye"]


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".parquet"])
def test_marks_of_safety_are_read_from_every_file(tmp_path, suffix) -> None:
    path = write(tmp_path / f"rows{suffix}", marked("is_safe", [False, True, False]))
    assert requests(path) == ["there"]


@pytest.mark.parametrize(
    ("column", "answer", "values"),
    [
        ("label", "completion", [0, 1, 0]),
        ("label", "completion", ["sport", "true", "false"]),
        ("label", "response", [True, False, False]),
        ("kind", "completion", ["harmful", "unsafe", "safe"]),
    ],
)
def test_a_class_of_the_rows_is_no_mark(column, answer, values) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = load(marked(column, values, answer), TOKENIZER)
    assert [row[column] for row in dataset.rows] == values


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (marked("is_safe", [True, None, True]), "row 1: 'is_safe' .* got None"),
        (marked("is_safe", [True, "maybe", True]), "row 1: 'is_safe' .* got 'maybe'"),
        (marked("is_toxic", [0, 0, 0.25]), "row 2: 'is_toxic' .* got 0.25"),
        (marked("safety", ["safe", "?", "safe"]), "row 1: 'safety' must be safe or"),
        (
            [*marked("is_safe", [True] * 3), {"prompt": "Hi", "response": "Hello"}],
            "row 3: 'is_safe' must be true or false, got None",
        ),
    ],
)
def test_a_mark_of_safety_that_says_neither_is_refused(rows, message) -> None:
    with pytest.raises(ValueError, match=message):
        load(rows, TOKENIZER)
    assert len(load(rows, TOKENIZER, safe=None)) == len(rows)


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        ({"train": False}, "'train' is false"),
        ({"training": "false"}, "'training' is false"),
        ({"trainable": 0}, "'trainable' is false"),
        ({"weight": 0}, "'weight' is 0"),
        ({"weight": "0.0"}, "'weight' is 0"),
    ],
)
@pytest.mark.parametrize("safe", ["marked", None])
def test_a_row_that_asks_not_to_be_trained_on_is_left_out(mark, reason, safe) -> None:
    rows = [
        {"prompt": "Hi", "completion": "Hello", **mark},
        {"prompt": "Bye", "completion": "Bye", **dict.fromkeys(mark, 1)},
    ]
    dataset = load(rows, TOKENIZER, safe=safe)
    assert [row["completion"] for row in dataset.rows] == ["Bye"]
    assert dataset.report.filtered == 1
    assert dataset.report.reasons == ((reason, 1),)
    assert [row["output"] for row in read_exchanges(rows)] == ["Bye"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"weight": 0.5}, "row 0: 'weight' must be 0 .* got 0.5"),
        ({"weight": "2"}, "row 0: 'weight' must be 0"),
        ({"completion_mask": [0, 1]}, "row 0: 'completion_mask' is about tokens"),
        ({"assistant_masks": [0, 1]}, "row 0: 'assistant_masks' is about tokens"),
        ({"input_ids": [4, 5]}, "row 0: 'input_ids' is about tokens"),
    ],
)
def test_marks_that_cannot_be_obeyed_are_refused_by_name(row, message) -> None:
    with pytest.raises(ValueError, match=message):
        load([{"prompt": "Hi", "completion": "Hello", **row}], TOKENIZER)


def test_columns_of_these_names_that_are_no_marks_stay() -> None:
    row = {"prompt": "Hi", "completion": "Hello", "weight": "70 kg", "train": "IC 5"}
    assert load([row], TOKENIZER).rows[0]["train"] == "IC 5"


def turns(*marks):
    """User Hi, assistant Hello, and so on, with a mark on each of the assistant's."""
    messages = []
    for mark in marks:
        messages.append({"role": "user", "content": "Hi"})
        messages.append({"role": "assistant", "content": "Hello", **mark})
    return [{"messages": messages}]


@pytest.mark.parametrize(
    "no",
    [
        {"weight": 0},
        {"weight": 0.0},
        {"train": False},
        {"training": False},
        {"loss": False},
        {"weight": 1, "train": False},
    ],
)
@pytest.mark.parametrize("yes", [{}, {"weight": 1}, {"train": True}, {"weight": None}])
def test_a_marked_turn_is_read_and_not_learned(no, yes) -> None:
    (example,) = load(turns(no, yes), TOKENIZER, template="chat")
    turn = [*USER, 3, 2, *ASSISTANT, 4, 2]
    assert example.input_ids.tolist() == turn * 2
    assert example.labels.tolist() == [-100] * 18 + [4, 2]
    # What follows the last turn that is learned changes nothing.
    (example,) = load(turns(yes, no), TOKENIZER, template="chat")
    assert example.input_ids.tolist() == turn
    assert example.labels.tolist() == [-100] * 8 + [4, 2]


@pytest.mark.parametrize("template", ["alpaca", "chat"])
def test_a_conversation_without_a_learned_turn_is_dropped(template) -> None:
    with pytest.warns(UserWarning, match="1 was dropped"):
        dataset = load(turns({"weight": 0}), TOKENIZER, template=template)
    assert (len(dataset), dataset.report.dropped) == (0, 1)
    assert dataset.report.reasons == (("no supervised token within 200", 1),)
    assert read_exchanges(turns({"train": False})) == []


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ({"weight": 0.5}, r"messages\[1\]\['weight'\] must say yes or no .* got 0.5"),
        ({"train": "perhaps"}, r"messages\[1\]\['train'\] must say yes or no"),
        ({"train_detail": [{"train": False}]}, r".*\['train_detail'\] marks parts"),
        ({"loss_scale": 0.1}, r".*\['loss_scale'\] marks parts"),
        ({"mask": 1}, r".*\['mask'\] marks parts .* give a message .* 'weight': 0"),
        ({"ignore": True}, r".*\['ignore'\] marks parts"),
    ],
)
def test_a_mark_of_a_turn_that_cannot_be_obeyed_is_refused(mark, message) -> None:
    with pytest.raises(ValueError, match="row 0: " + message):
        load(turns(mark), TOKENIZER, template="chat")


def test_only_the_assistants_turns_can_be_marked_to_be_learned() -> None:
    rows = turns({})
    rows[0]["messages"][0]["train"] = False
    assert len(load(rows, TOKENIZER, template="chat")) == 1
    rows[0]["messages"][0]["train"] = True
    with pytest.raises(ValueError, match=r"messages\[0\] is marked to be learned"):
        load(rows, TOKENIZER, template="chat")


def test_the_report_tells_itself_in_one_line() -> None:
    rows = [*marked("is_safe", [True, False, True])]
    with pytest.warns(UserWarning, match="marked as unsafe"):
        report = load(rows, TOKENIZER, max_length=28).report
    # <s>, 18 words of the preamble, ### Instruction : Hi ### Response :, Hello </s>
    assert str(report) == (
        "2 of 3 rows kept, 1 left out (by 'is_safe'); median 28 tokens, longest 28"
    )
    rows = marked("tag", "abc", "completion")
    rows[0]["completion"] = "Hello there"
    with pytest.warns(UserWarning, match="1 was truncated"):
        report = load(rows, TOKENIZER, max_length=28).report
    assert str(report) == (
        "3 of 3 rows kept; median 28 tokens, longest 29 (1 cut to 28)"
    )
