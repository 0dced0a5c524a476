"""What a setting's value may be: a number, a word, a source of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from vaccine_swift._arguments import bounds_text, is_within, nearest

__all__ = ["COUNT", "FROM_ZERO", "POSITIVE", "Check", "Choice", "Number", "Rule"]
__all__ += ["Source", "check_choice"]


class Check(Protocol):
    """What is asked of a value."""

    @property
    def range(self) -> str:
        """What is accepted, in a few words; may be empty."""

    def add_faults(self, name: str, value: Any, faults: list[str]) -> None:
        """Add a sentence that names the setting where a value does not fit."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds, as `vaccine_swift._arguments.check_range` takes them."""

    bounds: Mapping[str, Any]

    @property
    def range(self) -> str:
        """What is accepted."""
        ends = ("minimum", "above", "maximum", "below")
        return bounds_text({name: self.bounds.get(name) for name in ends}, ",")

    def add_faults(self, name: str, value: Any, faults: list[str]) -> None:
        """Add what is wrong."""
        is_within(name, value, faults, **self.bounds)


COUNT: Final = Number({"minimum": 1, "integer": True})
FROM_ZERO: Final = Number({"minimum": 0})
POSITIVE: Final = Number({"above": 0})


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words, and of those that came to them while the program runs."""

    words: tuple[str, ...]
    further: Callable[[], tuple[str, ...]] = tuple

    @property
    def range(self) -> str:
        """What is accepted."""
        return ", ".join((*self.words, *self.further()))

    def add_faults(self, name: str, value: Any, faults: list[str]) -> None:
        """Add what is wrong."""
        check_choice(name, value, self.words, faults, self.further())


@dataclass(frozen=True, slots=True)
class Source:
    """A name of rows that come with the package, or a file."""

    names: tuple[str, ...] = ()

    @property
    def range(self) -> str:
        """What is accepted."""
        return ", ".join((*self.names, "a file"))

    def add_faults(self, name: str, value: Any, faults: list[str]) -> None:
        """Add what is wrong."""
        if not (isinstance(value, str) and Path(value).is_file()):
            check_choice(name, value, (*self.names, "a file that exists"), faults)


@dataclass(frozen=True, slots=True)
class Rule:
    """A check of its own."""

    test: Callable[[str, Any, list[str]], None]
    range: str = ""

    def add_faults(self, name: str, value: Any, faults: list[str]) -> None:
        """Add what is wrong."""
        self.test(name, value, faults)


def check_choice(
    name: str,
    value: object,
    known: tuple[str, ...],
    faults: list[str],
    further: tuple[str, ...] = (),
) -> None:
    """Add a fault that suggests the nearest where a value is not among the known."""
    if value not in (*known, *further):
        more = f" There are also {', '.join(further)}." if further else ""
        faults.append(
            f"{name} must be among {', '.join(known)}, got {value!r}."
            f"{nearest(str(value), (*known, *further))}{more}"
        )
