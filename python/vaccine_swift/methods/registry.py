"""The methods that are known by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from vaccine_swift._arguments import check_word, nearest
from vaccine_swift.methods.base import METHODS, Method

__all__ = ["method_class", "method_named", "registered", "unregister"]


def unregister(name: str) -> None:
    """Take a method out of the registry.

    Raises
    ------
    ValueError
        When there is none of the name.
    """
    method_class(name)
    del METHODS[name]


def registered() -> Mapping[str, type[Method]]:
    """All methods by name, in alphabetical order.

    Examples
    --------
    >>> registered()["sft"]
    <class 'vaccine_swift.methods.sft.SFT'>
    """
    return MappingProxyType(dict(sorted(METHODS.items())))


def method_class(name: str) -> type[Method]:
    """The method of a name.

    Raises
    ------
    ValueError
        When there is none; names the nearest.
    """
    check_word("method", name, sorted(METHODS))
    return METHODS[name]


def method_named(name: str, **settings: Any) -> Method:
    """A method by its name and settings.

    Raises
    ------
    TypeError, ValueError
        When there is no such method, or a setting is unknown, missing or out of range.

    Examples
    --------
    >>> method_named("vaccine", rho=5)
    Vaccine(rho=5.0, every=1)
    """
    method = method_class(name)
    known = {each.name: each for each in method.options()}
    for setting in settings:
        if setting not in known:
            raise ValueError(
                f"{setting} is no setting of {name}.{nearest(setting, known)}"
            )
    for setting, each in known.items():
        if each.required and setting not in settings:
            raise ValueError(f"{setting} must be given for {name}")
    return method(**settings)
