"""The methods that are known by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift._arguments import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vaccine_swift.methods.base import Method

__all__ = ["method_class", "method_named", "register", "registered", "unregister"]

_METHODS: Final[dict[str, type[Method]]] = {}


def register(method: type[Method]) -> None:
    """Enter a method under its name; the same class defined again takes its place.

    Raises
    ------
    TypeError
        When the name is no str.
    ValueError
        When the name is not lower-case words with dashes, or another method has it.
    """
    name = method.name
    if not isinstance(name, str):
        raise TypeError(f"name of {method.__qualname__} must be a str, got {name!r}")
    words = name.split("-")
    plain = all(word.isascii() and word.isalnum() for word in words)
    if not plain or name != name.lower():
        raise ValueError(
            f"name of {method.__qualname__} must be lower-case words with dashes "
            f"between them, got {name!r}"
        )
    known = _METHODS.get(name)
    if known and (known.__module__, known.__qualname__) != (
        method.__module__,
        method.__qualname__,
    ):
        raise ValueError(
            f"name of {method.__qualname__} must be new, {name!r} is that of "
            f"{known.__module__}.{known.__qualname__}"
        )
    _METHODS[name] = method


def unregister(name: str) -> None:
    """Take a method out of the registry.

    Raises
    ------
    ValueError
        When there is none of the name.
    """
    method_class(name)
    del _METHODS[name]


def registered() -> Mapping[str, type[Method]]:
    """All methods by name, in alphabetical order.

    Examples
    --------
    >>> registered()["sft"]
    <class 'vaccine_swift.methods.sft.SFT'>
    """
    return MappingProxyType(dict(sorted(_METHODS.items())))


def method_class(name: str) -> type[Method]:
    """The method of a name.

    Raises
    ------
    ValueError
        When there is none; names the nearest.
    """
    try:
        return _METHODS[name]
    except (KeyError, TypeError):
        raise ValueError(
            f"method must be one of {', '.join(sorted(_METHODS))}, got {name!r}."
            f"{nearest(str(name), _METHODS)}"
        ) from None


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
