"""Row formats: what is read of them and what is refused."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pytest
from data_files import ALPACA, write
from data_tokenizers import word_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from vaccine_swift import Example
from vaccine_swift.data import FORMATS as COLUMNS
from vaccine_swift.data import Dataset, load
from vaccine_swift.data.rows import read_rows

TOKENIZER = word_tokenizer()

MESSAGES = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
]

FORMATS = {
    "alpaca": [{"instruction": "Hi", "output": "Hello"}],
    "prompt_completion": [{"prompt": "Hi", "completion": "Hello"}],
    "messages": [{"messages": MESSAGES}],
    "beavertails": [
        {"prompt": "Hi", "response": "Hello", "is_safe": True, "category": {"x": False}}
    ],
}


def ids(dataset: Dataset) -> list[list[int]]:
    return [example.input_ids.tolist() for example in dataset]


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".parquet"])
def test_every_file_format_gives_the_examples_of_the_rows(tmp_path, suffix):
    path = write(tmp_path / f"data{suffix}", ALPACA)
    expected = load(ALPACA, TOKENIZER)
    for source in (path, str(path)):
        dataset = load(source, TOKENIZER)
        assert ids(dataset) == ids(expected)
        assert dataset.rows == expected.rows
        assert dataset.report == expected.report


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("named", [True, False])
def test_every_row_format_gives_the_same_example(name, named):
    dataset = load(FORMATS[name], TOKENIZER, format=name if named else None)
    assert ids(dataset) == ids(load(FORMATS["alpaca"], TOKENIZER))
    assert dataset.report.format == name


def test_rows_keep_extra_columns_beside_prompt_and_completion():
    dataset = load(ALPACA, TOKENIZER)
    assert [row.keys() for row in dataset.rows] == [{"prompt", "completion", "tag"}] * 2
    assert [row["completion"] for row in dataset.rows] == ["Hello", 'Bye, "there"!']
    assert load(FORMATS["beavertails"], TOKENIZER).rows[0]["is_safe"] is True


def test_any_iterable_of_mappings_is_read_once():
    dataset = load((row for row in ALPACA), TOKENIZER)
    assert isinstance(dataset[0], Example)
    assert isinstance(dataset[-1], Example)
    assert len(dataset[:1]) == 1
    assert repr(dataset).startswith("Dataset(2 examples, ")
    with pytest.raises(IndexError):
        dataset[2]
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.report.kept = 3


BEAVERTAILS = [
    {"prompt": "Hi", "response": "Hello", "is_safe": True},
    {"prompt": "Bye", "response": "Bye", "is_safe": False},
    {"prompt": "there", "response": "Hi", "is_safe": True},
]


@pytest.mark.parametrize(("safe", "kept"), [(True, 2), (False, 1), (None, 3)])
@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_beavertails_rows_are_chosen_by_safety(tmp_path, suffix, safe, kept):
    path = write(tmp_path / f"data{suffix}", BEAVERTAILS)
    report = load(path, TOKENIZER, safe=safe).report
    assert (report.read, report.kept, report.filtered) == (3, kept, 3 - kept)


def test_safety_is_only_asked_of_beavertails_rows():
    with pytest.raises(
        ValueError, match="safe=True needs beavertails rows, got alpaca"
    ):
        load(ALPACA, TOKENIZER, safe=True)
    with pytest.raises(TypeError, match="safe must be True, False or None, got 'yes'"):
        load(BEAVERTAILS, TOKENIZER, safe="yes")
    rows = [BEAVERTAILS[0], {"prompt": "Hi", "response": "Hello", "is_safe": 3}]
    with pytest.raises(
        ValueError, match="row 1: 'is_safe' must be true or false, got 3"
    ):
        load(rows, TOKENIZER, safe=True)


def test_mixed_formats_name_the_row_and_its_keys():
    rows = [*FORMATS["alpaca"], *FORMATS["prompt_completion"]]
    with pytest.raises(
        ValueError, match=r"row 1 has the keys \['prompt', 'completion'\]"
    ):
        load(rows, TOKENIZER)


def test_unknown_keys_name_the_row_and_suggest_the_nearest():
    rows = [*FORMATS["alpaca"], {"instrution": "Hi", "output": "Hello"}]
    with pytest.raises(ValueError, match=r"row 1 .*'instrution'.*mean 'instruction'"):
        load(rows, TOKENIZER)


def test_an_ambiguous_format_asks_for_a_name():
    rows = [{"prompt": "Hi", "completion": "Hello", "response": "Bye"}]
    with pytest.raises(ValueError, match=r"fit several row formats, .* format="):
        load(rows, TOKENIZER)
    dataset = load(rows, TOKENIZER, format="beavertails")
    assert dataset.rows[0]["completion"] == "Bye"


def test_one_row_can_settle_what_another_leaves_open():
    both = {"prompt": "Hi", "completion": "Hello", "response": "Bye"}
    dataset = load([both, *FORMATS["prompt_completion"]], TOKENIZER)
    assert dataset.report.format == "prompt_completion"


def test_an_unknown_or_unfit_format_is_refused():
    with pytest.raises(ValueError, match="Did you mean 'prompt_completion'"):
        load(ALPACA, TOKENIZER, format="prompt-completion")
    with pytest.raises(ValueError, match="row 0 must have the messages column"):
        load(ALPACA, TOKENIZER, format="messages")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": 3, "completion": "x"}, "row 1: 'prompt' must be a string, got int"),
        (
            {"prompt": "x", "completion": None},
            "row 1: 'completion' must be .* NoneType",
        ),
        ({"prompt": "x", "completion": "\ud800"}, "row 1: 'completion' .*surrogate"),
    ],
)
def test_a_field_that_is_no_text_names_row_and_key(row, message):
    with pytest.raises(ValueError, match=message):
        load([*FORMATS["prompt_completion"], row], TOKENIZER)


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "'messages' must be a list of at least one message"),
        ("Hi", "'messages' must be a list"),
        (["Hi"], r"messages\[0\] must have the keys 'role' and 'content', got 'Hi'"),
        ([{"role": "user"}], r"messages\[0\] must have the keys"),
        ([{"role": "usr", "content": ""}], "Did you mean 'user'"),
        ([{"role": "user", "content": 1}], r"\['content'\] must be a string, got int"),
        ([{"role": ["user"], "content": ""}], r"\['role'\] must be one of"),
    ],
)
def test_malformed_messages_name_their_place(messages, message):
    with pytest.raises(ValueError, match="row 0: .*" + message):
        load([{"messages": messages}], TOKENIZER, template="chat")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (3, "got int"),
        (None, "got NoneType"),
        (b"data.jsonl", "got bytes"),
        ({"train": ALPACA}, "one mapping with the keys 'train'"),
        (["Hi"], "row 0 must be a mapping, got str"),
        ([{1: "Hi"}], "row 0 must have strings as keys, got 1"),
    ],
)
def test_what_is_no_rows_is_a_type_error(rows, message):
    with pytest.raises(TypeError, match=message):
        load(rows, TOKENIZER)


@pytest.mark.parametrize("length", [1, 0, -5, 2.5, "200", True, None])
def test_max_length_below_two_is_refused(length):
    with pytest.raises((TypeError, ValueError), match="max_length must be"):
        load(ALPACA, TOKENIZER, max_length=length)


def test_a_tokenizer_without_an_end_is_refused():
    endless = word_tokenizer(eos_token=None)
    with pytest.raises(
        ValueError, match="tokenizer must have an end-of-sequence token"
    ):
        load(ALPACA, endless)


KEYS = st.sampled_from(
    [key for columns in COLUMNS.values() for key in columns.required + columns.optional]
)

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS | st.text(), inner, max_size=4)
        | st.fixed_dictionaries({"prompt": inner, "completion": inner})
        | st.fixed_dictionaries({"messages": st.lists(inner)})
        | st.fixed_dictionaries({"role": inner, "content": inner})
    ),
    max_leaves=12,
)


@pytest.mark.filterwarnings("ignore:of .* rows?:UserWarning")
@settings(deadline=None, derandomize=True, max_examples=300)
@given(JUNK, JUNK, st.sampled_from(["alpaca", "chat"]))
def test_junk_gives_a_dataset_or_a_clear_error(rows, safe, template):
    try:
        dataset = load(rows, TOKENIZER, template=template, safe=safe)
    except (TypeError, ValueError, FileNotFoundError):
        return
    assert len(dataset) == dataset.report.kept


ROW = {"prompt": "Hi", "completion": "Hello"}


class Polars:
    """As a table of polars is seen from here."""

    def to_dicts(self) -> list[dict[str, str]]:
        return [ROW]

    def __iter__(self) -> Iterator[list[str]]:
        return iter([["Hi"], ["Hello"]])


@pytest.mark.parametrize(
    ("table", "method", "remedy"),
    [
        (pd.DataFrame([ROW]), lambda one: one.to_dict("records"), "to_dict('records')"),
        (pa.Table.from_pylist([ROW]), lambda one: one.to_pylist(), "to_pylist()"),
        (Polars(), lambda one: one.to_dicts(), "to_dicts()"),
    ],
    ids=["pandas", "Arrow", "polars"],
)
def test_a_table_says_how_to_take_its_rows(table, method, remedy) -> None:
    with pytest.raises(TypeError, match=f"give its {re.escape(remedy)}$"):
        read_rows(table)
    assert [row.values for row in read_rows(method(table))] == [ROW]
