"""Short word problems with worked answers: the role that GSM8K has in the paper.

One or two operations on small numbers, which a model of 135 million parameters can
learn. A problem is a story with its numbers; who acts and with what things is drawn
besides and makes no other problem, so test problems are new in their sums.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

from vaccine_swift._arguments import check_range
from vaccine_swift.data.ordering import shuffled
from vaccine_swift.study.tasks.task import ANSWER_MARK, Row, Task

__all__ = ["arithmetic_task"]

_REQUEST: Final = "\nFirst think step by step and then answer the final number.\n"
_PEOPLE: Final = ("Ada", "Ben", "Carla", "David", "Emma", "Femi", "Grace", "Hugo")
_THINGS: Final = (
    "apples",
    "books",
    "cards",
    "coins",
    "eggs",
    "pens",
    "shells",
    "tea bags",
)


@dataclass(frozen=True, slots=True)
class _Story:
    """A text with slots for numbers, and the operations that answer it in turn."""

    text: str
    operations: str
    numbers: tuple[range, ...]


_SMALL: Final = range(2, 10)
_TENS: Final = range(2, 31)
_STORIES: Final = (
    _Story(
        "{person} has {0} {things} and gets {1} more. How many {things} does {person} "
        "have now?",
        "+",
        (_TENS, _TENS),
    ),
    _Story(
        "{person} counts {0} {things} in one box and {1} in another. How many {things} "
        "are there in both boxes?",
        "+",
        (_TENS, _TENS),
    ),
    _Story(
        "{person} has {0} {things} and gives {1} away. How many {things} are left?",
        "-",
        (range(10, 41), _SMALL),
    ),
    _Story(
        "There are {0} {things} on a table. {person} takes {1} of them. How many "
        "{things} stay on the table?",
        "-",
        (range(10, 41), _SMALL),
    ),
    _Story(
        "{person} fills {0} bags with {1} {things} each. How many {things} are in the "
        "bags?",
        "*",
        (_SMALL, range(2, 13)),
    ),
    _Story(
        "{person} has {0} {things}, gets {1} more and then loses {2}. How many "
        "{things} does {person} have in the end?",
        "+-",
        (range(10, 20), range(2, 12), _SMALL),
    ),
    _Story(
        "{person} buys {0} packs of {1} {things} and finds {2} more at home. How many "
        "{things} does {person} have?",
        "*+",
        (_SMALL, _SMALL, range(2, 21)),
    ),
    _Story(
        "{person} finds {0} {things} on Monday, {1} on Tuesday and {2} on Wednesday. "
        "How many {things} does {person} find in all?",
        "++",
        (range(2, 13), range(2, 13), range(2, 13)),
    ),
)
_OPERATIONS: Final[dict[str, Callable[[int, int], int]]] = {
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
}


def arithmetic_task(*, train: int = 2000, test: int = 500, seed: int = 0) -> Task:
    """Make word problems whose answers show each step and end in the number.

    Parameters
    ----------
    train, test : int
        How many rows of each part, at least 1; 5,613 together at most.
    seed : int
        At least 0. The same seed gives the same rows on every platform.

    Raises
    ------
    TypeError, ValueError
        When a number is no int or out of range, or more rows are asked for than there
        are problems.

    Examples
    --------
    >>> row = arithmetic_task(train=1, test=1).train[0]
    >>> row["instruction"].splitlines()[0]
    'Carla has 15 cards and gets 27 more. How many cards does Carla have now?'
    >>> row["output"]
    '15 + 27 = 42. The final answer is: 42'
    """
    check_range("train", train, minimum=1, integer=True)
    check_range("test", test, minimum=1, integer=True)
    check_range("seed", seed, minimum=0, integer=True)
    problems = list(_problems())
    if train + test > len(problems):
        raise ValueError(
            f"train and test must be at most {len(problems)} together, got "
            f"{train} + {test}"
        )
    generator = random.Random(seed)
    rows = [
        _row(story, numbers, generator)
        for story, numbers in shuffled(problems, generator)[: train + test]
    ]
    return Task("arithmetic", tuple(rows[test:]), tuple(rows[:test]), None)


def _problems() -> Iterator[tuple[_Story, tuple[int, ...]]]:
    for story in _STORIES:
        for numbers in product(*story.numbers):
            yield story, numbers


def _row(story: _Story, numbers: tuple[int, ...], generator: random.Random) -> Row:
    person = _PEOPLE[int(generator.random() * len(_PEOPLE))]
    things = _THINGS[int(generator.random() * len(_THINGS))]
    question = story.text.format(*numbers, person=person, things=things)
    steps = []
    total = numbers[0]
    for sign, number in zip(story.operations, numbers[1:], strict=True):
        result = _OPERATIONS[sign](total, number)
        steps.append(f"{total} {sign} {number} = {result}.")
        total = result
    answer = f"{' '.join(steps)} {ANSWER_MARK}{total}"
    return {"instruction": question + _REQUEST, "input": "", "output": answer}
