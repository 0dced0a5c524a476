"""`Method`: what every method is, and what follows from its fields."""

from __future__ import annotations

import dataclasses
import typing
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vaccine_swift._arguments import check_range, nearest
from vaccine_swift.methods.registry import register

if TYPE_CHECKING:
    from vaccine_swift.methods.step import Step
    from vaccine_swift.models.report import StepReport

__all__ = ["Method", "Option", "option", "options_of"]


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
        words = {"minimum": "at least", "above": "above"}
        words |= {"maximum": "at most", "below": "below"}
        return " and ".join(
            f"{words[bound]} {value:g}" for bound, value in self.bounds.items()
        )


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


class Method(ABC):
    """How a step forms its gradient; derive from it to add a method.

    A subclass is a frozen dataclass. Its ``name`` enters it in the registry; its fields
    are its settings (`option`), which are checked when it is made.

    Attributes
    ----------
    name : str
        In the command line, in studies and in checkpoints: lower-case words with
        dashes. A class without one of its own is not registered.
    kind : str
        The same as `name`.
    title : str
        In labels; the class's name unless told.
    perturbs : bool
        Whether it needs memory for a perturbation, [L, T, C] floats.
    passes : int
        How often a step goes through the model, for estimates of time.
    streams : tuple of str
        Names of the data streams that it reads beside the training rows.
    """

    __slots__ = ()

    name: ClassVar[str]
    kind: ClassVar[str]
    title: ClassVar[str]
    perturbs: ClassVar[bool] = False
    passes: ClassVar[int] = 1
    streams: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "title" not in cls.__dict__:
            cls.title = cls.__name__
        if "name" in cls.__dict__:
            cls.kind = cls.name
            register(cls)

    def __post_init__(self) -> None:
        """Check every setting and make it the type of its field."""
        for each in self.options():
            value = each.checked(getattr(self, each.name))
            object.__setattr__(self, each.name, value)

    @abstractmethod
    def gradient(self, step: Step) -> StepReport:
        """Add the gradient of one micro-batch, with the verbs of `step`.

        Returns
        -------
        StepReport
            What is logged: as a rule that of the pass whose gradient is taken.
        """

    def at_step(self, step: int) -> Method:
        """The method of optimiser step `step`, counted from 0: as a rule this one."""
        return self

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        """Its settings, in the order of the fields."""
        return options_of(cls)

    @property
    def settings(self) -> dict[str, Any]:
        """The value of every setting, ready for JSON."""
        return {each.name: getattr(self, each.name) for each in self.options()}

    @property
    def identity(self) -> dict[str, Any]:
        """Its kind and settings: what a resumed run may not change."""
        return {"kind": self.name, **self.settings}

    @property
    def label(self) -> str:
        """For people: the first setting, and those that are not the default.

        Examples
        --------
        >>> import vaccine_swift as vs
        >>> vs.Vaccine(rho=2.0).label, vs.Vaccine(rho=5.0, every=2).label
        ('Vaccine ρ=2', 'Vaccine ρ=5 τ=2')
        """
        parts = [self.title]
        for index, each in enumerate(self.options()):
            value = getattr(self, each.name)
            if index == 0 or value != each.default:
                text = f"{value:g}" if each.type is float else str(value)
                parts.append(f"{each.symbol or each.name}={text}")
        return " ".join(parts)


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
    if choices and value not in choices:
        raise ValueError(
            f"{name} must be one of {', '.join(choices)}, got {value!r}."
            f"{nearest(value, choices)}"
        )
    return str(value)
