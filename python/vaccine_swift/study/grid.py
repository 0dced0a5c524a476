"""The trials of a study: what is aligned how, attacked how, with which seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vaccine_swift.study.arms import arm_label, arms_of, is_aligned
from vaccine_swift.study.config import SETTINGS, StudyConfig

__all__ = ["Trial", "trials"]

_FIELDS: Final = ("rho", "every")
"""Parameters that have a field of their own in a row."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One alignment, one attack, one seed: a cell of the grid at a seed.

    Parameters
    ----------
    method : str
        How the model is aligned: a name of the methods' registry, or "none".
    parameters : mapping
        Values of the method's settings, as `arms_of` gives them.
    poison : float
        Share of harmful rows.
    seed : int
        Of everything that is drawn.
    settings : mapping
        Every other field of the `StudyConfig`, one value each.
    """

    method: str
    parameters: Mapping[str, Any]
    poison: float
    seed: int
    settings: Mapping[str, Any]

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Trial:
        """The trial of a line of ``results.jsonl``."""
        parameters = row.get("parameters")
        if parameters is None:
            parameters = {name: row[name] for name in _FIELDS if row[name] is not None}
        return cls(
            row["method"], parameters, row["poison"], row["seed"], row["settings"]
        )

    @property
    def rho(self) -> float | None:
        """Total norm of the perturbation, where the method has one."""
        return self.parameters.get("rho")

    @property
    def every(self) -> int | None:
        """Period of the perturbation, where the method has one."""
        return self.parameters.get("every")

    @property
    def aligned(self) -> bool:
        """Whether there is an alignment before the attack."""
        return is_aligned(self.method)

    @property
    def label(self) -> str:
        """The method for people, such as "Vaccine ρ=2"."""
        return arm_label(self.method, self.parameters)

    @property
    def arm(self) -> dict[str, Any]:
        """What determines how the alignment forms its gradient, ready for JSON."""
        own = {"method": self.method, "rho": self.rho, "every": self.every}
        more = {
            name: value
            for name, value in self.parameters.items()
            if name not in _FIELDS
        }
        return own | ({"parameters": more} if more else {})

    @property
    def effective(self) -> dict[str, Any]:
        """What determines its results: without what its method does not use."""
        own = self.arm | {"poison": self.poison, "seed": self.seed}
        return own | {
            name: value
            for name, value in self.settings.items()
            if self.aligned or not SETTINGS[name].of_alignment
        }


def trials(config: StudyConfig) -> list[Trial]:
    """All trials in grid order, each once; the seed varies fastest.

    Trials that only differ in what their method does not use, such as the alignment
    steps of an unaligned model, are one.
    """
    found: dict[str, Trial] = {}
    for settings in _settings(config):
        for method, parameters in _arms(config):
            for poison, seed in itertools.product(config.poison, config.seeds):
                trial = Trial(method, parameters, poison, seed, settings)
                found.setdefault(repr(trial.effective), trial)
    return list(found.values())


def _settings(config: StudyConfig) -> Iterator[dict[str, Any]]:
    """The fields that take one value each, for each point of the sweep."""
    single = {
        name: getattr(config, name)
        for name, each in SETTINGS.items()
        if not each.several
    }
    for values in itertools.product(*config.sweep.values()):
        point = single | dict(zip(config.sweep, values, strict=True))
        yield {
            name: value
            for name, value in point.items()
            if not SETTINGS[name].later or value != SETTINGS[name].former
        }


def _arms(config: StudyConfig) -> Iterator[tuple[str, dict[str, Any]]]:
    values = {name: getattr(config, name) for name in _FIELDS} | dict(config.parameters)
    for method in config.methods:
        for parameters in arms_of(method, values):
            yield method, parameters
