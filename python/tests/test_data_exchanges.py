"""Single exchanges out of every row format."""

from __future__ import annotations

import pytest

from vaccine_swift.data.exchanges import read_exchanges

QUESTION = {"role": "user", "content": "2 + 3?"}
ANSWER = {"role": "assistant", "content": "5"}


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "2 + 3?", "output": "5"},
        {"instruction": "2 + 3?", "input": None, "output": "5", "source": "x"},
        {"prompt": "2 + 3?", "completion": "5"},
        {"messages": [QUESTION, ANSWER]},
        {"prompt": "2 + 3?", "response": "5", "is_safe": True},
    ],
)
def test_every_format_gives_the_same_row(row):
    expected = {"instruction": "2 + 3?", "input": "", "output": "5"}
    assert read_exchanges([row]) == [expected]


def test_the_mark_of_safety_chooses_rows():
    rows = [
        {"prompt": str(index), "response": "", "is_safe": index % 3 == 0}
        for index in range(6)
    ]
    for safe, chosen in ((True, "03"), (False, "1245"), (None, "012345")):
        read = read_exchanges(rows, safe=safe)
        assert "".join(row["instruction"] for row in read) == chosen


def test_longer_conversations_are_refused_by_their_place():
    rows = [{"messages": [QUESTION, ANSWER]}, {"messages": [QUESTION, ANSWER] * 2}]
    with pytest.raises(ValueError, match=r"row 1 must hold one user and one assistant"):
        read_exchanges(rows)


def test_rows_without_a_mark_cannot_be_chosen_by_safety():
    with pytest.raises(ValueError, match="safe=False needs beavertails rows"):
        read_exchanges([{"prompt": "", "completion": ""}], safe=False)
