"""`StudyConfig`: every setting of a study, checked as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from vaccine_swift.study.arms import qualified_name
from vaccine_swift.study.faults import faults_of
from vaccine_swift.study.setting import parameters_text, settings_of
from vaccine_swift.study.settings import (
    AlignmentSettings,
    AttackSettings,
    ComparedSettings,
    EvaluationSettings,
    ModelSettings,
    TrainingSettings,
)

__all__ = ["LISTS", "SETTINGS", "StudyConfig", "named_judge"]

_MAPPINGS: Final = ("parameters", "sweep")


# A dataclass has the fields of its last base first.
@dataclass(frozen=True, kw_only=True)
class StudyConfig(
    EvaluationSettings,
    TrainingSettings,
    AttackSettings,
    AlignmentSettings,
    ModelSettings,
    ComparedSettings,
):
    """What is compared, and every setting of it.

    The defaults are the preset ``laptop``. The grid is the product of `methods` (with
    `rho` and `every` where the method has them), `poison`, `seeds` and `sweep`.

    Parameters
    ----------
    {parameters}
    parameters : mapping of str to sequence
        Values of further settings of the methods by name, such as
        ``{"variance": [1e-4]}``; each makes arms of the methods that have it.
    sweep : mapping of str to sequence
        Values of further fields, such as ``{"align_steps": [30, 60]}``.

    Raises
    ------
    ValueError
        Lists every fault; unknown names suggest the nearest.

    Examples
    --------
    >>> StudyConfig(methods="sft", seeds=3).seeds
    (0, 1, 2)
    >>> StudyConfig(rank=0, poison=2)
    Traceback (most recent call last):
        ...
    ValueError: poison must be at least 0 and at most 1, got 2; rank must be at least \
1, got 0
    """

    def __post_init__(self) -> None:
        for name in LISTS:
            object.__setattr__(self, name, _listed(name, getattr(self, name)))
        for name in _MAPPINGS:
            mapping = getattr(self, name)
            if isinstance(mapping, Mapping):
                values = {key: _several(each) for key, each in mapping.items()}
                object.__setattr__(self, name, values)
        faults = faults_of(self, SETTINGS)
        if faults:
            raise ValueError("; ".join(faults))

    def to_dict(self) -> dict[str, Any]:
        """All settings by name, ready for JSON; a judge by its name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values |= {name: list(values[name]) for name in LISTS}
        for name in _MAPPINGS:
            values[name] = {key: list(each) for key, each in values[name].items()}
        return named_judge(values)


SETTINGS: Final = settings_of(StudyConfig)
"""Every setting of a study by name."""

LISTS: Final = tuple(name for name, each in SETTINGS.items() if each.several)
"""The fields that span the grid; each takes one value or several."""

StudyConfig.__doc__ = (StudyConfig.__doc__ or "").replace(
    "{parameters}", parameters_text(SETTINGS.values())
)


def named_judge(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with ``module.name`` in place of a judge that is no name."""
    judge = settings["judge"]
    if not callable(judge):
        return dict(settings)
    named = judge if hasattr(judge, "__qualname__") else type(judge)
    return {**settings, "judge": qualified_name(named)}


def _listed(name: str, value: Any) -> tuple[Any, ...]:
    if name == "seeds" and isinstance(value, int) and not isinstance(value, bool):
        return tuple(range(value))
    return _several(value)


def _several(value: Any) -> tuple[Any, ...]:
    """One value or several, without repeats, in their order."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return (value,)
    return tuple(dict.fromkeys(value))
