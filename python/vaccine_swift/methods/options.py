"""`option`: a setting of a method, with its help and bounds."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from typing import Any

from vaccine_swift._arguments import bounds_text, check_range, check_word

__all__ = ["Option", "option", "options_of"]


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of a method: what `option` said of a field.

    Attributes
    ----------
    name : str
        The field's.
    type : type
        float, int, bool or str.
    default : object
        ``dataclasses.MISSING`` where it must be given.
    help : str
        One line for the command line and the documentation.
    symbol : str
        Stands for the name in labels, such as "ρ".
    choices : tuple of str
        All values, where it is one of some words.
    bounds : dict
        ``minimum``, ``maximum``, ``above``, ``below``, as far as there are any.
    """

    name: str
    type: type
    default: Any
    help: str
    symbol: str
    choices: tuple[str, ...]
    bounds: dict[str, Any]

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is MISSING

    def checked(self, value: object) -> Any:
        """The value as the field's type.

        Raises
        ------
        TypeError, ValueError
            When it is not of the type or out of range; names the option.
        """
        if self.choices or self.type is str:
            return _word(self.name, value, self.choices)
        if self.type is bool:
            if not isinstance(value, bool):
                raise TypeError(f"{self.name} must be a bool, got {value!r}")
            return value
        for ends in (("minimum", "above"), ("maximum", "below")):
            bounds = {name: self.bounds[name] for name in ends if name in self.bounds}
            check_range(self.name, value, integer=self.type is int, **bounds)
        return self.type(value)

    @property
    def range(self) -> str:
        """The bounds in words, such as "at least 0"."""
        if self.choices:
            return " or ".join(self.choices)
        return bounds_text(self.bounds, "g")


def option(
    default: Any = MISSING,
    *,
    help: str = "",  # noqa: A002, argparse's word
    symbol: str = "",
    choices: Sequence[str] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """A field of a method with what there is to say of it.

    Parameters
    ----------
    default : object, optional
        Left out, the setting must be given.
    help : str
        One line for the command line and the documentation.
    symbol : str
        Stands for the name in labels.
    choices : sequence of str
        All values, where the setting is one of some words.
    minimum, maximum, above, below : float, optional
        The range of a number; it is always finite.

    Returns
    -------
    dataclasses.Field
    """
    bounds = {"minimum": minimum, "maximum": maximum, "above": above, "below": below}
    metadata = {
        "help": help,
        "symbol": symbol,
        "choices": tuple(choices),
        "bounds": {name: each for name, each in bounds.items() if each is not None},
    }
    return dataclasses.field(default=default, metadata=metadata)


def options_of(method: type) -> tuple[Option, ...]:
    """The settings of a method's class.

    Raises
    ------
    TypeError
        When it is no dataclass, or a field is neither float, int, bool nor str.
    """
    if not dataclasses.is_dataclass(method):
        raise TypeError(f"{method.__qualname__} must be a dataclass, add @dataclass")
    hints = typing.get_type_hints(method)
    return tuple(_option(method, each, hints) for each in dataclasses.fields(method))


def _option(
    method: type, entry: dataclasses.Field[Any], hints: dict[str, Any]
) -> Option:
    hint = hints[entry.name]
    choices: tuple[str, ...] = entry.metadata.get("choices", ())
    if typing.get_origin(hint) is typing.Literal:
        choices, hint = typing.get_args(hint), str
    if hint not in (float, int, bool, str):
        raise TypeError(
            f"{entry.name} of {method.__qualname__} must be float, int, bool, str or a "
            f"Literal of words, got {hint!r}"
        )
    return Option(
        name=entry.name,
        type=hint,
        default=entry.default,
        help=entry.metadata.get("help", ""),
        symbol=entry.metadata.get("symbol", ""),
        choices=choices,
        bounds=dict(entry.metadata.get("bounds", {})),
    )


def _word(name: str, value: object, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, got {value!r}")
    if choices:
        check_word(name, value, choices)
    return str(value)
