"""What a study compares: the values whose product is its grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from vaccine_swift.study.arms import NONE, further_methods
from vaccine_swift.study.checks import COUNT, FROM_ZERO, Choice, Number
from vaccine_swift.study.setting import TRAINED, setting

__all__ = ["METHODS", "ComparedSettings"]

METHODS: Final = (NONE, "sft", "vaccine", "random")

_setting = partial(setting, group="what is compared (values between commas)")


@dataclass(frozen=True, kw_only=True)
class ComparedSettings:
    """The values whose product is the grid. Documented in `StudyConfig`."""

    methods: tuple[str, ...] = _setting(
        METHODS,
        Choice(METHODS, partial(further_methods, METHODS)),
        help="how the model is aligned before the attack: none, not at all, or any "
        "method that is registered; random is noise of Vaccine's expected norm",
        key=["align"],
        several=True,
    )
    rho: tuple[float, ...] = _setting(
        (1.0,),
        FROM_ZERO,
        help="total L2 norm of the perturbation, of methods that have one; random: "
        "noise of variance rho² / (L · T · C), T the tokens of the mean batch",
        key=["align"],
        several=True,
    )
    every: tuple[int, ...] = _setting(
        (1,),
        COUNT,
        help="perturb each N-th step, of methods that can",
        key=["align"],
        several=True,
    )
    poison: tuple[float, ...] = _setting(
        (0.0, 0.05, 0.1, 0.2),
        Number({"minimum": 0, "maximum": 1}),
        help="share p of harmful rows in the user's data",
        through=["attack"],
        several=True,
    )
    seeds: tuple[int, ...] = _setting(
        (0, 1, 2),
        Number({"minimum": 0, "maximum": 2**32 - 1, "integer": True}),
        help="how many, or which, such as 0,4,7; a seed decides the alignment sample, "
        "the adapters' start, dropout, noise, order and the user's sample",
        key=TRAINED,
        several=True,
    )
    parameters: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    sweep: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
