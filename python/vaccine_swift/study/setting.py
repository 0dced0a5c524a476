"""A setting of a study: one field that says all there is to know of it.

Checks, command line, documentation and the keys of stages follow from it.
"""

from __future__ import annotations

import dataclasses
import textwrap
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from vaccine_swift.study.checks import Check

__all__ = ["STAGES", "TRAINED", "Setting", "StageName", "parameters_text", "setting"]
__all__ += ["settings_of"]

StageName: TypeAlias = Literal["align", "attack", "evaluate", "drift"]

STAGES: Final[tuple[StageName, ...]] = typing.get_args(StageName)
TRAINED: Final[tuple[StageName, ...]] = ("align", "attack")
_SETTING: Final = "setting"
_WIDTH: Final = 84
_DEFAULT: Final = object()


@dataclass(frozen=True, slots=True)
class Setting:
    """What `setting` said of a field.

    Parameters
    ----------
    name : str
        The field's.
    kind : type
        Of one value: int, float or str.
    default : object
        Of the field; a tuple where it takes several values.
    group : str
        Heading of the command line's help.
    help : str
        A sentence or more, for the command line and the documentation.
    check : Check
        Of one value.
    key : tuple of str
        Stages whose key holds the value itself.
    through : tuple of str
        Stages whose key holds what the value leads to: rows, the model's files, the
        judge's source.
    several : bool
        Whether it takes several values, which span the grid.
    sweepable : bool
        Whether `StudyConfig.sweep` may name it.
    optional : bool
        Whether it may be None.
    of_alignment : bool
        Whether it means nothing where nothing is aligned.
    former : object
        Its value in a study that does not know it.
    later : bool
        Whether there are such studies, whose trials must stay what they are: a trial
        holds it only where it has another value than `former`.
    """

    name: str
    kind: type
    default: Any
    group: str
    help: str
    check: Check
    key: tuple[StageName, ...]
    through: tuple[StageName, ...]
    several: bool
    sweepable: bool
    optional: bool
    of_alignment: bool
    former: Any
    later: bool

    def add_faults(self, value: Any, faults: list[str]) -> None:
        """Add what is wrong with one value."""
        if not (value is None and self.optional):
            self.check.add_faults(self.name, value, faults)


def setting(
    default: Any,
    check: Check,
    *,
    group: str,
    help: str,  # noqa: A002, argparse's word
    key: Iterable[StageName] = (),
    through: Iterable[StageName] = (),
    several: bool = False,
    sweepable: bool = True,
    of_alignment: bool = False,
    former: Any = _DEFAULT,
) -> Any:
    """A field of `StudyConfig`.

    Parameters
    ----------
    default : object
        The preset ``laptop``'s value; None makes it optional.
    check, group, help, key, through, several, sweepable, of_alignment, former
        As in `Setting`. A setting that alone the alignment's key knows is of the
        alignment anyway; `former` is given for a `later` one, and otherwise the
        default.

    Raises
    ------
    ValueError
        When no stage depends on it: its results would be taken for another value's.
    """
    key, through = tuple(key), tuple(through)
    if not (key or through):
        raise ValueError("key or through must name a stage that the setting determines")
    return dataclasses.field(
        default=default,
        metadata={
            _SETTING: {
                "group": group,
                "help": help,
                "check": check,
                "key": key,
                "through": through,
                "several": several,
                "sweepable": sweepable and not several,
                "optional": default is None,
                "of_alignment": of_alignment or {*key, *through} == {"align"},
                "former": default if former is _DEFAULT else former,
                "later": former is not _DEFAULT,
            }
        },
    )


def settings_of(config: type) -> dict[str, Setting]:
    """The settings of a dataclass by name, in the order of the fields.

    Fields that are not made by `setting` are left out: they hold no value of their own.
    """
    hints = typing.get_type_hints(config)
    return {
        each.name: Setting(
            name=each.name,
            kind=_kind(hints[each.name]),
            default=each.default,
            **each.metadata[_SETTING],
        )
        for each in dataclasses.fields(config)
        if _SETTING in each.metadata
    }


def parameters_text(settings: Iterable[Setting]) -> str:
    """The settings as parameters of a docstring, indented as in a class."""
    lines = []
    for each in settings:
        kind = each.kind.__name__
        if each.several:
            kind += f" or sequence of {each.kind.__name__}"
        lines.append(f"{each.name} : {kind}{', optional' if each.optional else ''}")
        words = each.help[0].upper() + each.help[1:]
        accepted = f" ({each.check.range})" if each.check.range else ""
        lines += textwrap.wrap(
            f"{words}{accepted}.",
            _WIDTH,
            initial_indent="    ",
            subsequent_indent="    ",
        )
    return textwrap.indent("\n".join(lines), "    ").lstrip()


def _kind(hint: Any) -> type:
    """The type of one value of a field."""
    kinds = {hint, *typing.get_args(hint)}
    return next((kind for kind in (int, float) if kind in kinds), str)
