"""Every field of `StudyConfig` as an option of its name."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any

from vaccine_swift._arguments import nearest
from vaccine_swift.study.config import SETTINGS, StudyConfig
from vaccine_swift.study.presets import PRESETS, preset
from vaccine_swift.study.setting import Setting

__all__ = ["add_study_options", "study_config"]


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
    if options.sweep:
        given["sweep"] = dict(options.sweep)
    return preset(options.preset, **given)


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
    word = {int: "N", float: "X", str: "NAME"}[setting.kind]
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
