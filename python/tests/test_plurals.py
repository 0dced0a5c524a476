"""A number and its noun agree, in what is printed, shown and raised."""

from __future__ import annotations

import numpy as np
import pytest
from data_tokenizers import word_tokenizer
from drift_reports import content

import vaccine_swift as vs
from vaccine_swift import drift
from vaccine_swift._plurals import counted, plural


@pytest.mark.parametrize(
    ("count", "noun", "words"),
    [
        (0, "row", "0 rows"),
        (1, "row", "1 row"),
        (2, "row", "2 rows"),
        (1, "entry", "1 entry"),
        (3, "entry", "3 entries"),
        (3, "day", "3 days"),
        (2, "batch", "2 batches"),
        (2, "near miss", "2 near misses"),
        (1.5, "token", "1.5 tokens"),
        (1.0, "token", "1.0 token"),
    ],
)
def test_a_regular_noun(count, noun, words) -> None:
    assert counted(count, noun) == words


def test_another_plural_and_another_form() -> None:
    assert plural(1, "is", "are") == "is"
    assert plural(2, "is", "are") == "are"
    assert counted(12345, "axis", "axes", form=",") == "12,345 axes"


def test_objects_of_one_of_each() -> None:
    config = vs.tiny_config() | {"num_hidden_layers": 1}
    assert "1 layer, " in repr(vs.CausalLM.from_config(config, seed=0))
    rows = [{"prompt": "Hi", "response": "Hello"}]
    data = vs.data.load(rows, word_tokenizer(), template="chat")
    assert repr(data).startswith("Dataset(1 example, ")
    accumulator = drift.Accumulator(2)
    accumulator.update(np.eye(2)[:1], np.eye(2)[1:], ids=["a"])
    assert repr(accumulator).endswith("1 layer of width 2, 1 prompt, 1 row)")
    assert "1 layer, relative drift" in repr(drift.Report(content(layers=1)))
    report = vs.data.load(rows, word_tokenizer(), template="chat").report
    assert "1 of 1 row kept" in str(report)


def test_a_page_of_one_column_and_one_test() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 30, 1))
    page = drift.two_sample(x, y, tests=["ks"], permutations=99).to_html()
    assert "<span>column</span>" in page
    assert "<summary>1 test</summary>" in page
    assert "0 of 1 column differ by" in page


def test_errors_about_one_of_each() -> None:
    with pytest.raises(ValueError, match=r"the 1 row of x, got 2;"):
        drift.knn_overlap(np.ones((1, 2)), np.ones((2, 2)))
    rows = np.ones((30, 2))
    rows[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"but 1 element is not, the first in row 3"):
        drift.Windows(rows)
    rows[4] = np.nan
    with pytest.raises(ValueError, match=r"but 3 elements are not, the first in row 3"):
        drift.Windows(rows)


def test_a_warning_about_one_row_of_two() -> None:
    rows = [
        {"prompt": "Hi", "response": "Hello"},
        {"prompt": "Hi", "response": "Hello " * 90},
    ]
    words = r"of 2 rows, 1 was truncated to max_length=60 tokens and 0 were dropped"
    with pytest.warns(UserWarning, match=words):
        vs.data.load(rows, word_tokenizer(), template="alpaca", max_length=60)


def test_errors_of_the_core_about_one_of_each() -> None:
    rows = np.ones((30, 2))
    rows[3, 1] = np.nan
    with pytest.raises(ValueError, match="but 1 element is NaN or infinite, the first"):
        drift.two_sample(np.ones((30, 2)), rows)
    rows[4] = np.inf
    with pytest.raises(ValueError, match="but 3 elements are NaN or infinite"):
        drift.two_sample(np.ones((30, 2)), rows)
    core = vs.CausalLM.from_config(vs.tiny_config(), seed=0).core
    ids = np.ones(3, np.int32)
    with pytest.raises(ValueError, match="got 1 entry from 0 to 0"):
        core.forward_backward(ids, ids, np.zeros(1, np.int32))
    with pytest.raises(ValueError, match="got 2 entries from 0 to 2"):
        core.forward_backward(ids, ids, np.array([0, 2], np.int32))
    with pytest.raises(ValueError, match="a 1-D array of integers, got 2 dimensions"):
        core.logits(ids[None])
