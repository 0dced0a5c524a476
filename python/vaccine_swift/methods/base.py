"""`Method`: what every method is, and what follows from its fields."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from vaccine_swift.methods.options import Option, options_of

if TYPE_CHECKING:
    from vaccine_swift.engines.report import StepReport
    from vaccine_swift.methods.step import Step

__all__ = ["METHODS", "Method", "register"]


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


METHODS: Final[dict[str, type[Method]]] = {}
"""By name; `registry` answers questions of it."""


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
    known = METHODS.get(name)
    if known and (known.__module__, known.__qualname__) != (
        method.__module__,
        method.__qualname__,
    ):
        raise ValueError(
            f"name of {method.__qualname__} must be new, {name!r} is that of "
            f"{known.__module__}.{known.__qualname__}"
        )
    METHODS[name] = method
