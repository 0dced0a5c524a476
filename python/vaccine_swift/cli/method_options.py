"""Options that choose the method and the adapter of a training command."""

from __future__ import annotations

import argparse
import re
from typing import Any

import vaccine_swift as vs
from vaccine_swift.lora import TARGET_MODULES
from vaccine_swift.methods import Method, Option, method_named, registered

__all__ = ["adapter_settings", "add_adapter_options", "add_method_options", "method_of"]


def add_method_options(parser: argparse.ArgumentParser) -> None:
    """``--method`` and the settings of every method that is registered."""
    group = parser.add_argument_group("method")
    summaries = (f"{name}: {_summary(each)}" for name, each in registered().items())
    group.add_argument(
        "--method",
        choices=tuple(registered()),
        default="vaccine",
        help="; ".join(summaries).replace("%", "%%"),
    )
    for name, owners in _settings().items():
        described = (f"{owner}: {_describe(each)}" for owner, each in owners.items())
        choices = {word for each in owners.values() for word in each.choices}
        kinds = {each.type for each in owners.values()}
        kind: Any = kinds.pop() if len(kinds) == 1 else str
        group.add_argument(
            f"--{name.replace('_', '-')}",
            help="; ".join(described).replace("%", "%%"),
            **_conversion(kind, choices),
        )


def _settings() -> dict[str, dict[str, Option]]:
    """For each name of a setting, the methods that have it."""
    found: dict[str, dict[str, Option]] = {}
    for name, method in registered().items():
        for each in method.options():
            found.setdefault(each.name, {})[name] = each
    return found


def _conversion(kind: type, choices: set[str]) -> dict[str, Any]:
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    if choices:
        return {"choices": tuple(sorted(choices))}
    return {"type": kind, "metavar": "N" if kind is int else "X"}


def _summary(method: type[Method]) -> str:
    lines = (method.__doc__ or "").strip().splitlines()
    first = lines[0].rstrip(".") if lines else method.title
    first = re.sub(f"^{re.escape(method.name)}: ", "", first, flags=re.IGNORECASE)
    return first[:1].lower() + first[1:]


def _describe(setting: Option) -> str:
    if setting.required:
        return setting.help
    return f"{setting.help} (default: {setting.default})"


def method_of(options: argparse.Namespace) -> Method:
    """The method that the options name.

    Raises
    ------
    ValueError
        When a setting belongs to another method, is missing or out of range.
    """
    owners = _settings()
    given = {
        name: getattr(options, name)
        for name in owners
        if getattr(options, name) is not None
    }
    for name in given:
        if options.method not in owners[name]:
            option = name.replace("_", "-")
            raise ValueError(
                f"--{option} has no meaning with --method {options.method}"
            )
    for name, each in owners.items():
        own = each.get(options.method)
        if own is not None and own.required and name not in given:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} must be given with --method {options.method}")
    return method_named(options.method, **given)


def add_adapter_options(parser: argparse.ArgumentParser) -> None:
    """The settings of `LoRAConfig`, with the Vaccine authors' values as defaults."""
    group = parser.add_argument_group("adapter (LoRA)")
    group.add_argument("--lora-r", type=int, default=8, metavar="N", help="rank")
    group.add_argument(
        "--lora-alpha",
        type=float,
        default=4.0,
        metavar="X",
        help="the adapter's output is scaled by alpha / r",
    )
    group.add_argument(
        "--lora-dropout",
        type=float,
        default=0.1,
        metavar="X",
        help="share of the adapter's inputs that is zeroed, 0 to 0.5",
    )
    group.add_argument(
        "--target-modules",
        nargs="+",
        action="extend",
        metavar="NAME",
        help=f"projections to adapt; if left out, all of {', '.join(TARGET_MODULES)}, "
        "or the targets of another family of models",
    )


def adapter_settings(options: argparse.Namespace) -> vs.LoRAConfig:
    """The adapter that the options name.

    Raises
    ------
    ValueError
        As `LoRAConfig`.
    """
    chosen = (
        {"target_modules": options.target_modules} if options.target_modules else {}
    )
    return vs.LoRAConfig(
        r=options.lora_r,
        lora_alpha=options.lora_alpha,
        lora_dropout=options.lora_dropout,
        **chosen,
    )
