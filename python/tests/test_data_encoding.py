"""Token ids and labels of loaded rows, computed by hand and by laws."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from data_tokenizers import WORDS, byte_tokenizer, word_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from vaccine_swift.data import load
from vaccine_swift.text.tokenizer import Tokenizer

WORD = word_tokenizer()
BYTE = byte_tokenizer()
PREAMBLE = [0] * 18
"""Word tokens of the preamble without input, unknown to the vocabulary."""

ROW = {"instruction": "Hi", "input": "", "output": "Hello there"}
ROW_IDS = [1, *PREAMBLE, 10, 7, 11, 3, 10, 9, 11, 4, 5, 2]
"""<s> preamble ### Instruction : Hi ### Response : Hello there </s>"""


def test_alpaca_ids_and_labels_equal_the_hand_computed_ones():
    (example,) = load([ROW], WORD)
    assert example.input_ids.tolist() == ROW_IDS
    assert example.labels.tolist() == [-100] * 26 + [4, 5, 2]
    assert example.input_ids.dtype == example.labels.dtype == np.int32


def test_alpaca_with_input_equals_the_hand_computed_ids():
    (example,) = load([{**ROW, "input": "there"}], WORD)
    # The longer preamble has 19 words before the comma and the full stop ends it.
    preamble = [0] * (8 + 1 + 8 + 1 + 8 + 1)
    body = [10, 7, 11, 3, 10, 8, 11, 5, 10, 9, 11]
    assert example.input_ids.tolist() == [1, *preamble, *body, 4, 5, 2]
    assert example.labels.tolist() == [-100] * 39 + [4, 5, 2]


def test_chat_ids_and_labels_equal_the_hand_computed_ones():
    rows = [{"prompt": "Hi", "completion": "Hello"}]
    (example,) = load(rows, WORD, template="chat")
    # < user > Hi </s> < assistant > Hello </s>, and the newline after it is cut.
    assert example.input_ids.tolist() == [14, 12, 15, 3, 2, 14, 13, 15, 4, 2]
    assert example.labels.tolist() == [-100] * 8 + [4, 2]


def test_every_assistant_turn_of_a_conversation_is_supervised_with_its_end():
    turns = ["Hi", "Hello", "there", "Bye"]
    messages = [
        {"role": ("user", "assistant")[i % 2], "content": turn}
        for i, turn in enumerate(turns)
    ]
    (example,) = load([{"messages": messages}], WORD, template="chat")
    user, assistant = [14, 12, 15], [14, 13, 15]
    first, second = [*user, 3, 2, *assistant], [*user, 5, 2, *assistant]
    assert example.input_ids.tolist() == [*first, 4, 2, *second, 16, 2]
    assert example.labels.tolist() == [-100] * 8 + [4, 2] + [-100] * 8 + [16, 2]


def test_what_follows_the_last_assistant_turn_changes_nothing():
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
    ]
    more = [*messages, {"role": "user", "content": "Bye"}]
    (short,) = load([{"messages": messages}], WORD, template="chat")
    (long,) = load([{"messages": more}], WORD, template="chat")
    assert short.input_ids.tolist() == long.input_ids.tolist()
    assert short.labels.tolist() == long.labels.tolist()


def test_a_token_across_the_boundary_is_split_so_that_the_prompt_stays_whole():
    assert WORD.encode('Response:"', add_special_tokens=False) == [9, 17]
    (example,) = load([{**ROW, "output": '"Hi'}], WORD)
    assert example.input_ids.tolist() == [*ROW_IDS[:26], 18, 3, 2]
    assert example.labels.tolist() == [-100] * 26 + [18, 3, 2]


def test_without_a_merge_the_ids_are_those_of_the_joint_text():
    (example,) = load([ROW], BYTE)
    text = load([ROW], BYTE).rows[0]
    joint = BYTE.encode(text["prompt"] + text["completion"])
    assert example.input_ids.tolist() == [*joint, BYTE.eos_token_id]


def test_an_end_of_sequence_token_already_in_the_completion_is_not_doubled():
    (example,) = load([{**ROW, "output": "Hello there</s>"}], WORD)
    assert example.input_ids.tolist() == ROW_IDS


TURNS = (
    "{% for m in messages %}<start> {{ m.role }} {{ m.content }}TURN\n{% endfor %}"
    "{% if add_generation_prompt %}<start> assistant {% endif %}"
)


@pytest.mark.parametrize("end", ["<|eot_id|>", "<end_of_turn>", "<|im_end|>"])
def test_a_row_ends_as_the_template_ends_a_turn_once(end: str) -> None:
    backend = word_tokenizer()._backend
    backend.add_special_tokens([end, "<start>"])
    ours = Tokenizer(
        backend, {"eos_token": "</s>", "chat_template": TURNS.replace("TURN", end)}
    )
    rows = [{"prompt": "Hi", "response": "Hello there"}]
    (example,) = load(rows, ours, template="chat")
    turn = backend.token_to_id(end)
    kept = example.labels[example.labels != -100]
    assert kept.tolist() == [WORDS.index("Hello"), WORDS.index("there"), turn]
    assert example.input_ids.tolist().count(turn) == 2
    assert WORDS.index("</s>") not in example.input_ids


def test_an_end_added_by_the_tokenizer_does_not_end_the_prompt():
    (example,) = load([ROW], word_tokenizer(single="<s> $A </s>"))
    assert example.input_ids.tolist() == ROW_IDS


def test_an_empty_completion_teaches_only_the_end():
    (example,) = load([{**ROW, "output": ""}], WORD)
    assert example.labels.tolist() == [-100] * 26 + [2]


def test_truncation_keeps_the_start_and_is_counted_and_warned_of_once():
    rows = [ROW, ROW, {**ROW, "output": "Hello"}]
    with pytest.warns(UserWarning, match=r"of 3 rows, 2 were truncated") as caught:
        dataset = load(rows, WORD, max_length=28)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert [e.input_ids.tolist() for e in dataset[:2]] == [ROW_IDS[:28]] * 2
    assert dataset[2].input_ids[-1] == 2
    report = dataset.report
    assert (report.read, report.kept, report.truncated, report.dropped) == (3, 3, 2, 0)
    assert (report.tokens, report.supervised) == (84, 6)


def test_rows_without_a_supervised_token_are_dropped_with_a_count():
    long = {**ROW, "instruction": "Hi " * 9}
    with pytest.warns(UserWarning, match="1 was dropped"):
        dataset = load([long, {**ROW, "tag": "kept"}], WORD, max_length=29)
    assert len(dataset) == dataset.report.kept == 1
    assert dataset.report.dropped == 1
    assert dataset.report.truncated == 0
    assert dataset.rows[0]["tag"] == "kept"


@pytest.mark.parametrize("template", ["alpaca", "alpaca-newline", "chat"])
def test_a_conversation_without_an_answer_is_dropped(template):
    rows = [{"messages": [{"role": "user", "content": "Hi"}]}]
    with pytest.warns(UserWarning, match="1 was dropped"):
        dataset = load(rows, WORD, template=template)
    assert (len(dataset), dataset.report.dropped) == (0, 1)


def test_nothing_is_warned_of_when_every_row_fits():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load([ROW], WORD, max_length=29)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).filter(
    lambda text: "<s>" not in text and "</s>" not in text
)
ROWS = st.lists(
    st.fixed_dictionaries({"instruction": TEXT, "input": TEXT, "output": TEXT}),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(ROWS, st.sampled_from(["alpaca", "alpaca-newline", "chat"]))
def test_labels_are_the_ids_after_the_prompt_and_nothing_on_it(rows, template):
    dataset = load(rows, BYTE, template=template, max_length=10_000)
    for example, row in zip(dataset, dataset.rows, strict=True):
        ids, labels = example.input_ids.tolist(), example.labels.tolist()
        prompt = BYTE.encode(row["prompt"])
        length = len(prompt)
        assert ids[:length] == prompt
        assert labels == [-100] * length + ids[length:]
        assert ids.count(BYTE.eos_token_id) == (2 if template == "chat" else 1)
        assert ids[-1] == BYTE.eos_token_id
        text = BYTE.decode(ids[:-1], skip_special_tokens=False)
        assert text == row["prompt"] + row["completion"]
    for row, source in zip(dataset.rows, rows, strict=True):
        assert row["completion"] == source["output"]


@pytest.mark.filterwarnings("ignore:of .* rows?:UserWarning")
@settings(deadline=None, derandomize=True, max_examples=100)
@given(ROWS, st.integers(2, 400))
def test_truncation_only_cuts_the_end(rows, max_length):
    full = load(rows, BYTE, max_length=100_000)
    cut = load(rows, BYTE, max_length=max_length)
    expected = [
        (e.input_ids[:max_length].tolist(), e.labels[:max_length].tolist())
        for e in full
        if (e.labels[1:max_length] != -100).any()
    ]
    assert [(e.input_ids.tolist(), e.labels.tolist()) for e in cut] == expected
    assert cut.report.dropped == len(rows) - len(expected)
    assert cut.report.read == cut.report.kept + cut.report.dropped
    too_long = sum(e.tokens > max_length for e in full)
    assert cut.report.truncated == too_long - cut.report.dropped
    assert cut.report.supervised == sum(e.supervised for e in cut)
