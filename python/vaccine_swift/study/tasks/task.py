"""A user's task: rows to fine-tune on, held-out rows, and what a right answer is.

How answers are counted is the Vaccine authors' rule (github.com/git-disl/Vaccine,
``sst2``, ``ag_news`` and ``gsm8k/pred_eval.py``; Booster's for exact match).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Literal

from vaccine_swift._arguments import check_word
from vaccine_swift._short_repr import short_repr

__all__ = ["ANSWER_MARK", "MATCHES", "Row", "Task", "is_worked"]

Row = dict[str, str]
"""An Alpaca row: ``instruction``, ``input``, ``output``."""

MATCHES: Final = ("substring", "exact")
ANSWER_MARK: Final = "The final answer is: "
_NUMBER: Final = re.compile(r"-?\d+\.?\d*", re.ASCII)
_SHORT_FORMS: Final = {"Sci/Tech": "sci"}


@dataclass(frozen=True, slots=True)
class Task:
    """What a user fine-tunes a model for.

    Parameters
    ----------
    name : str
        ``"sentiment"``, ``"arithmetic"``, ``"topics"``, or a file's name.
    train, test : tuple of dict
        Alpaca rows (``instruction``, ``input``, ``output``); no row of one part is in
        the other.
    labels : tuple of str, optional
        What the outputs can be, for a task of classification. None: the final number of
        a worked answer counts, or the whole text where the output is no such answer.
    """

    name: str
    train: tuple[Row, ...]
    test: tuple[Row, ...]
    labels: tuple[str, ...] | None

    __repr__ = short_repr

    def is_correct(
        self, answer: str, row: Row, *, match: Literal["substring", "exact"]
    ) -> bool:
        """Whether a model's answer to a row counts as right.

        With labels, the answer has to hold (substring) or be (exact, spaces around it
        apart) the row's label as it is written or with its first letter's case turned;
        for ``Sci/Tech`` the second spelling is ``sci``. "not positive" holds "positive"
        and counts under substring: the rule is the authors', who compare models by it.

        A worked answer counts under either match when its number equals the row's: the
        first number after "The final answer is: ", else the last number in the text;
        thousands commas are left out. Any other output is compared as a text, spaces
        around it apart.

        Parameters
        ----------
        answer : str
            What the model said.
        row : dict
            The row it was asked; its ``output`` is the reference.
        match : {"substring", "exact"}
            The rule: ``substring`` in Vaccine's evaluation, ``exact`` in Booster's.

        Raises
        ------
        ValueError
            When `match` is unknown.

        Examples
        --------
        >>> task = Task("mood", (), (), labels=("positive", "negative"))
        >>> row = {"instruction": "", "input": "", "output": "positive"}
        >>> answer = "Positive, I would say."
        >>> task.is_correct(answer, row, match="substring")
        True
        >>> task.is_correct(answer, row, match="exact")
        False
        """
        check_word("match", match, MATCHES, quoted=True)
        answer, reference = answer.strip(), row["output"].strip()
        if self.labels is None and is_worked(reference):
            return _final_number(answer) == _final_number(reference) != math.inf
        spellings = (reference,) if self.labels is None else _spellings(reference)
        if match == "exact":
            return answer in spellings
        return any(spelling in answer for spelling in spellings)


def _spellings(label: str) -> tuple[str, str]:
    turned = label[:1].swapcase() + label[1:]
    return label, _SHORT_FORMS.get(label, turned)


def is_worked(output: str) -> bool:
    """Whether an output ends a worked answer, or is a bare number."""
    return ANSWER_MARK in output or _NUMBER.fullmatch(_plain(output)) is not None


def _final_number(text: str) -> float:
    """The number that counts; infinity when there is none."""
    text = _plain(text)
    numbers = _NUMBER.findall(text)
    marked = _NUMBER.findall("".join(text.split(ANSWER_MARK)[1:2]))
    return float(marked[0] if marked else numbers[-1]) if numbers else math.inf


def _plain(text: str) -> str:
    return text.replace(",", "")
