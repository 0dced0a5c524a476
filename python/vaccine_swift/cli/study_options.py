"""Every field of `StudyConfig` as an option of its name."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, Final

from vaccine_swift._arguments import nearest
from vaccine_swift.methods import Option, registered
from vaccine_swift.study.config import SETTINGS, StudyConfig
from vaccine_swift.study.presets import PRESETS, preset
from vaccine_swift.study.setting import Setting

__all__ = ["add_study_options", "study_config"]

_METAVARS: Final = {int: "N", float: "X"}
_PARAMETER: Final = "parameter_"
_WITH_FIELDS: Final = ("rho", "every")
"""Settings of methods for which a study has a field."""
_RESERVED: Final = (*("out", "preset", "sweep", "threads", "help", "share", "status"),)


def add_study_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--preset``, an option for each field, and ``--sweep``."""
    parser.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        default="laptop",
        help="settings that go together; options given beside it take precedence",
    )
    groups = {
        title: parser.add_argument_group(title)
        for title in dict.fromkeys(each.group for each in SETTINGS.values())
    }
    for each in SETTINGS.values():
        groups[each.group].add_argument(
            _option(each.name),
            type=_reader(each),
            metavar=_metavar(each),
            help=_help(each),
        )
    methods = parser.add_argument_group("further settings of methods")
    for flag, name, owners in _parameters():
        methods.add_argument(
            flag,
            dest=f"{_PARAMETER}{name}",
            type=_listed(owners[0][1]),
            metavar=f"{_METAVARS.get(owners[0][1].type, 'NAME')},…",
            help="; ".join(f"{method}: {each.help}" for method, each in owners).replace(
                "%", "%%"
            ),
        )
    sweeps = parser.add_argument_group("sweeps")
    sweeps.add_argument(
        "--sweep",
        action="append",
        default=[],
        type=_sweep,
        metavar="FIELD=V,V",
        help="a further field with several values, such as align-steps=30,60,120; "
        "may be given again",
    )


def study_config(options: argparse.Namespace) -> StudyConfig:
    """The study that the options name.

    Raises
    ------
    ValueError
        As `StudyConfig`.
    """
    given = {
        name: getattr(options, name)
        for name in SETTINGS
        if getattr(options, name) is not None
    }
    parameters = {
        name: values
        for _, name, _ in _parameters()
        if (values := getattr(options, f"{_PARAMETER}{name}")) is not None
    }
    if parameters:
        given["parameters"] = parameters
    if options.sweep:
        given["sweep"] = dict(options.sweep)
    return preset(options.preset, **given)


def _parameters() -> list[tuple[str, str, list[tuple[str, Option]]]]:
    """Settings of methods that are no field of the study: option, name, whose."""
    owners: dict[str, list[tuple[str, Option]]] = {}
    for method, known in registered().items():
        for each in known.options():
            if each.name not in _WITH_FIELDS:
                owners.setdefault(each.name, []).append((method, each))
    found = []
    for name, of_methods in owners.items():
        taken = name in SETTINGS or name in _RESERVED
        flag = f"{of_methods[0][0]}_{name}" if taken else name
        found.append((_option(flag), name, of_methods))
    return found


def _listed(option: Option) -> Callable[[str], list[Any]]:
    """A reader of values between commas."""
    read: Callable[[str], Any] = _boolean if option.type is bool else option.type

    def values(text: str) -> list[Any]:
        return [read(each) for each in text.split(",") if each]

    values.__name__ = f"{option.type.__name__} values"
    return values


def _boolean(text: str) -> bool:
    words = {"true": True, "yes": True, "false": False, "no": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _reader(setting: Setting) -> Callable[[str], Any]:
    kind = setting.kind
    if not setting.several:
        return kind

    def values(text: str) -> Any:
        found = [kind(each) for each in text.split(",") if each]
        return found[0] if setting.name == "seeds" and "," not in text else found

    values.__name__ = f"{kind.__name__} values"
    return values


def _sweep(text: str) -> tuple[str, list[Any]]:
    field, equals, values = text.partition("=")
    name = field.strip().replace("-", "_")
    if not equals or name not in SETTINGS:
        raise argparse.ArgumentTypeError(
            f"must look like align-steps=30,60 with a field of the study, got {text!r}."
            f"{nearest(name, SETTINGS)}"
        )
    try:
        return name, [SETTINGS[name].kind(each) for each in values.split(",") if each]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{field}: {error}") from None


def _metavar(setting: Setting) -> str:
    word = _METAVARS.get(setting.kind, "NAME")
    return f"{word},…" if setting.several else word


def _help(setting: Setting) -> str:
    """What it is, what it accepts and the default."""
    default = _shown(setting.default)
    notes = [setting.check.range, default and f"laptop: {default}"]
    told = "; ".join(filter(None, notes))
    words = f"{setting.help} ({told})" if told else setting.help
    return _in_options(words).replace("%", "%%")


def _in_options(text: str) -> str:
    """With the options of the command line in place of the fields' names."""
    return re.sub(
        r"\b[a-z]+_[a-z_]+\b",
        lambda word: _option(word[0]) if word[0] in SETTINGS else word[0],
        text,
    )


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _shown(default: Any) -> str:
    if default is None:
        return ""
    values = default if isinstance(default, tuple) else (default,)
    return ",".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)
