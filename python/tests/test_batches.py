"""Examples and packed batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaccine_swift import Batch, Example


def test_a_batch_is_its_examples_end_to_end() -> None:
    first = Example([3, 1, 4], [-100, 1, 4])
    second = Example([1, 5], [1, -100])
    batch = Batch.pack([first, second])
    assert batch.input_ids.tolist() == [3, 1, 4, 1, 5]
    assert batch.labels.tolist() == [-100, 1, 4, 1, -100]
    assert batch.offsets.tolist() == [0, 3, 5]
    assert (batch.tokens, batch.sequences) == (5, 2)
    for array in (batch.input_ids, batch.labels, batch.offsets):
        assert array.dtype == np.int32
        assert not array.flags.writeable


def test_the_first_label_of_a_sequence_never_counts() -> None:
    assert Example([7, 8], [7, 8]).supervised == 1
    assert Batch.pack([Example([7, 8], [7, 8]), Example([9], [9])]).supervised == 1


@given(st.lists(st.lists(st.sampled_from([-100, 0, 5]), min_size=1), min_size=1))
def test_a_batch_supervises_what_its_examples_do(labels: list[list[int]]) -> None:
    chosen = [Example([2] * len(row), row) for row in labels]
    batch = Batch.pack(chosen)
    assert batch.supervised == sum(example.supervised for example in chosen)
    assert batch.tokens == sum(example.tokens for example in chosen)
    assert batch.sequences == len(chosen)


def test_an_example_does_not_change_with_the_array_it_came_from() -> None:
    ids = np.array([1, 2, 3], np.int32)
    example = Example(ids, ids)
    ids[0] = 9
    assert example.input_ids.tolist() == [1, 2, 3]


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.uint64, ">i4"])
def test_integers_of_any_width_become_int32(dtype: str) -> None:
    assert Example(np.arange(3, dtype=dtype), [-100, 1, 2]).input_ids.dtype == np.int32


@pytest.mark.parametrize(
    ("ids", "labels", "error", "message"),
    [
        ([], [], ValueError, "input_ids must hold at least one token, got none"),
        ([1, 2], [1], ValueError, "labels must have the length of input_ids, 2, got 1"),
        ([1, -2], [1, 2], ValueError, r"input_ids\[1\] must be at least 0 .* got -2"),
        ([1, 2**31], [1, 2], ValueError, r"input_ids\[1\] .* got 2147483648"),
        ([1, 2], [1, -1], ValueError, r"labels\[1\] must be -100 or a token id .* -1"),
        ([1.5, 2], [1, 2], TypeError, "input_ids must hold integers, got float64"),
        ([True], [1], TypeError, "input_ids must hold integers, got bool"),
        ("ab", [1, 2], ValueError, "input_ids must be one-dimensional"),
        ([[1]], [1], ValueError, r"input_ids must be one-dimensional, .*\(1, 1\)"),
        ([1, None], [1, 2], TypeError, "input_ids must hold integers, got object"),
    ],
)
def test_a_bad_example_is_refused_by_name(ids, labels, error, message) -> None:
    with pytest.raises(error, match=message):
        Example(ids, labels)


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one Example, got none"):
        Batch.pack([])


def test_what_is_no_example_is_refused_with_its_place() -> None:
    with pytest.raises(TypeError, match=r"examples\[1\] must be an Example, got tuple"):
        Batch.pack([Example([1], [1]), ([1], [1])])  # type: ignore[list-item]


@pytest.mark.parametrize("offsets", [[0], [0, 2], [1, 3], [0, 0, 3], [0, 2, 1, 3]])
def test_offsets_that_do_not_cut_the_tokens_are_refused(offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="offsets must start at 0"):
        Batch([1, 2, 3], [1, 2, 3], offsets)  # type: ignore[arg-type]
