"""The arms of a study: a method of the registry with values for its settings.

Every setting of a method takes the study's values for it: its own fields `rho` and
`every`, or `StudyConfig.parameters`; where there are none, the method's default. The
variance of noise that is not given follows from `rho`, so that noise and the worst
perturbation are compared at equal norm.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING
from types import MappingProxyType
from typing import Any, Final

from vaccine_swift.methods import Method, Option, method_class, registered

__all__ = [
    "NONE",
    "VARIANCE",
    "arm_label",
    "arms_of",
    "further_methods",
    "is_aligned",
    "method_source",
    "method_title",
    "parameter_faults",
    "qualified_name",
]

NONE: Final = "none"
"""In place of a method: the model is not aligned."""

VARIANCE: Final = "variance"
_OF_VARIANCE: Final = "rho"
_SHIPPED: Final = "vaccine_swift."
_PROGRAM: Final = MappingProxyType(
    dict.fromkeys(("__mp_main__", "__worker__"), "__main__")
)
"""Names of ``__main__`` in workers of multiprocessing and of mpi4py."""


def further_methods(known: Iterable[str]) -> tuple[str, ...]:
    """The names of the registry that are not among the known ones."""
    return tuple(name for name in registered() if name not in known)


def is_aligned(method: str) -> bool:
    """Whether it is a method, rather than no alignment."""
    return method != NONE


def method_title(method: str) -> str:
    """A method for people; its name where it is not registered any more."""
    if not is_aligned(method):
        return "No alignment"
    known = registered().get(method)
    return known.title if known else method


def arms_of(
    method: str, values: Mapping[str, Iterable[Any]]
) -> Iterator[dict[str, Any]]:
    """The arms of a method: every combination of its settings' values.

    Parameters
    ----------
    method : str
        Of the registry, or "none".
    values : mapping of str to sequence
        A study's values for settings by name.

    Yields
    ------
    dict
        Values by name; ``rho`` in place of a variance that follows from it.
    """
    if not is_aligned(method):
        yield {}
        return
    names, choices = [], []
    for each in method_class(method).options():
        name = _source(each, values)
        given = values.get(name)
        if given is None and each.default is MISSING:
            raise ValueError(f"parameters must have values of {name!r} for {method}")
        names.append(name)
        choices.append(
            [_plain(each, name, value) for value in given]
            if given is not None
            else [each.default]
        )
    for combination in itertools.product(*choices):
        yield dict(zip(names, combination, strict=True))


def arm_label(method: str, parameters: Mapping[str, Any]) -> str:
    """An arm for people, such as "Vaccine ρ=2": defaults but the first are left out."""
    title = method_title(method)
    known = registered().get(method)
    defaults = {each.name: each.default for each in known.options()} if known else {}
    parts = [title]
    for index, (name, value) in enumerate(parameters.items()):
        if index == 0 or value != defaults.get(name, MISSING):
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            parts.append(f"{_symbol(name)}={shown}")
    return " ".join(parts)


def parameter_faults(
    methods: Iterable[str], parameters: Mapping[str, Iterable[Any]]
) -> list[str]:
    """What is wrong with the values for methods' settings."""
    faults: list[str] = []
    options: dict[str, list[Option]] = {}
    for method in methods:
        if method in registered():
            for each in method_class(method).options():
                options.setdefault(each.name, []).append(each)
    for name, values in parameters.items():
        if name not in options:
            known = ", ".join(options) or "none"
            faults.append(f"parameters must name a setting of {known}, got {name!r}")
            continue
        for value, each in itertools.product(values, options[name]):
            try:
                each.checked(value)
            except (TypeError, ValueError) as error:
                faults.append(str(error))
    return faults


def method_source(method: str) -> str | None:
    """What a method of one's own says; None for one of the package.

    The build stands for the package's own methods.
    """
    known: type[Method] = method_class(method)
    if known.__module__.startswith(_SHIPPED):
        return None
    try:
        return inspect.getsource(known)
    except (OSError, TypeError):
        return qualified_name(known)


def qualified_name(named: Any) -> str:
    """``module.name`` of a class or function, the same in every process.

    The program itself has another module's name in the workers that it starts.
    """
    module = named.__module__
    return f"{_PROGRAM.get(module, module)}.{named.__qualname__}"


def _source(option: Option, values: Mapping[str, Any]) -> str:
    """The name under which a study has values for a setting."""
    follows = option.name == VARIANCE and VARIANCE not in values
    return _OF_VARIANCE if follows else option.name


def _plain(option: Option, name: str, value: Any) -> Any:
    """The value as the setting's type; of what it follows from, a float."""
    return option.checked(value) if name == option.name else float(value)


def _symbol(name: str) -> str:
    for method in registered().values():
        for each in method.options():
            if each.name == name and each.symbol:
                return each.symbol
    return name
