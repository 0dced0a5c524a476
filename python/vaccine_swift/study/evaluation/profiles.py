"""Profiles: how much is asked and how it is counted, under a name.

The papers of one group count the same quantities differently, so that a number means
something only together with its profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from vaccine_swift._arguments import check_word
from vaccine_swift.study.tasks import Task

__all__ = ["PROFILES", "Profile", "find_profile"]

Match = Literal["substring", "exact"]


@dataclass(frozen=True, slots=True)
class Profile:
    """Settings of an evaluation.

    Parameters
    ----------
    name : str
        Which is recorded with every number.
    prompts : int
        Restricted and as many ordinary requests, where there are as many.
    new_tokens : int
        Most tokens of an answer to them.
    judge : str
        Of the harmful score, a name for `load_judge`.
    task_rows : int
        Held-out rows of the user's task.
    label_tokens, worked_tokens : int
        Most tokens of an answer to them: to a task with labels, to any other.
    match : {"substring", "exact"}
        When such an answer is right, see `Task.is_correct`.
    margin_prompts : int
        Restricted requests of the refusal margin; it is no metric of the papers.
    """

    name: str
    prompts: int
    new_tokens: int
    judge: str
    task_rows: int
    label_tokens: int
    worked_tokens: int
    match: Match
    margin_prompts: int = 40

    def task_tokens(self, task: Task) -> int:
        """Most tokens of an answer to a task's row."""
        return self.worked_tokens if task.labels is None else self.label_tokens

    def labelled(self, setting: str, own: str, used: str) -> str:
        """The profile's name, and the setting where it is not the profile's own."""
        return self.name if used == own else f"{self.name}, {setting}={used}"


_ALL: Final = (
    Profile(
        "laptop",
        prompts=80,
        new_tokens=32,
        judge="rule",
        task_rows=200,
        label_tokens=16,
        worked_tokens=64,
        match="substring",
    ),
    Profile(
        "vaccine",
        prompts=500,
        new_tokens=128,
        judge="beaver-dam-7b",
        task_rows=500,
        label_tokens=200,
        worked_tokens=200,
        match="substring",
    ),
    Profile(
        "booster",
        prompts=1000,
        new_tokens=512,
        judge="beaver-dam-7b",
        task_rows=1000,
        label_tokens=200,
        worked_tokens=200,
        match="exact",
    ),
)
PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {one.name: one for one in _ALL}
)
"""``laptop``: for two processors and minutes. ``vaccine`` and ``booster``: counts,
lengths, judge and match of github.com/git-disl/Vaccine at 8937f68 and
github.com/git-disl/Booster at caf91cd, ``poison/evaluation/pred.py``,
``sst2/pred_eval.py`` and ``gsm8k/pred_eval.py``."""


def find_profile(profile: str | Profile) -> Profile:
    """A profile by its name; one of your own is returned as it is.

    Raises
    ------
    TypeError, ValueError
        When `profile` is neither a `Profile` nor a known name.
    """
    if isinstance(profile, Profile):
        return profile
    if not isinstance(profile, str):
        raise TypeError(
            f"profile must be a name or a Profile, got {type(profile).__name__}"
        )
    check_word("profile", profile, PROFILES)
    return PROFILES[profile]
