"""The trials of a study: what is aligned how, attacked how, with which seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vaccine_swift.study.config import SETTINGS, StudyConfig

__all__ = ["Trial", "trials"]

_OWN: Final = ("method", "rho", "every", "poison", "seed")


@dataclass(frozen=True, slots=True)
class Trial:
    """One alignment, one attack, one seed: a cell of the grid at a seed.

    Parameters
    ----------
    method : {"none", "sft", "vaccine", "random"}
        How the model is aligned.
    rho : float or None
        Total norm of the perturbation, where the method has one.
    every : int or None
        Period of Vaccine's perturbation.
    poison : float
        Share of harmful rows.
    seed : int
        Of everything that is drawn.
    settings : mapping
        Every other field of the `StudyConfig`, one value each.
    """

    method: str
    rho: float | None
    every: int | None
    poison: float
    seed: int
    settings: Mapping[str, Any]

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Trial:
        """The trial of a line of ``results.jsonl``."""
        own = {name: row[name] for name in _OWN}
        return cls(**own, settings=row["settings"])

    @property
    def label(self) -> str:
        """The method for people, such as "Vaccine ρ=2"."""
        match self.method:
            case "none":
                return "No alignment"
            case "sft":
                return "SFT"
            case "random":
                return f"Random ρ={self.rho:g}"
        period = "" if self.every == 1 else f" τ={self.every}"
        return f"Vaccine ρ={self.rho:g}{period}"

    @property
    def effective(self) -> dict[str, Any]:
        """What determines its results: without what its method does not use."""
        own = {name: getattr(self, name) for name in _OWN}
        return own | {
            name: value
            for name, value in self.settings.items()
            if self.method != "none" or not SETTINGS[name].of_alignment
        }


def trials(config: StudyConfig) -> list[Trial]:
    """All trials in grid order, each once; the seed varies fastest.

    Trials that only differ in what their method does not use, such as the alignment
    steps of an unaligned model, are one.
    """
    found: dict[tuple[Any, ...], Trial] = {}
    for settings in _settings(config):
        for method, rho, every in _variants(config):
            for poison, seed in itertools.product(config.poison, config.seeds):
                trial = Trial(method, rho, every, poison, seed, settings)
                found.setdefault(tuple(trial.effective.items()), trial)
    return list(found.values())


def _settings(config: StudyConfig) -> Iterator[dict[str, Any]]:
    """The fields that take one value each, for each point of the sweep."""
    single = {
        name: getattr(config, name)
        for name, each in SETTINGS.items()
        if not each.several
    }
    for values in itertools.product(*config.sweep.values()):
        yield single | dict(zip(config.sweep, values, strict=True))


def _variants(
    config: StudyConfig,
) -> Iterator[tuple[str, float | None, int | None]]:
    for method in config.methods:
        match method:
            case "vaccine":
                for rho, every in itertools.product(config.rho, config.every):
                    yield method, float(rho), every
            case "random":
                for rho in config.rho:
                    yield method, float(rho), None
            case _:
                yield method, None, None
