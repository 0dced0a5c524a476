"""Options that choose the method and the adapter of a training command."""

from __future__ import annotations

import argparse
from typing import Final

import vaccine_swift as vs
from vaccine_swift.lora import TARGET_MODULES
from vaccine_swift.methods import Method

__all__ = ["adapter_settings", "add_adapter_options", "add_method_options", "method_of"]

_PARAMETERS: Final = {"vaccine": ("rho", "every"), "sft": (), "random": ("variance",)}


def add_method_options(parser: argparse.ArgumentParser) -> None:
    """``--method`` and the parameters of the methods."""
    group = parser.add_argument_group("method")
    group.add_argument(
        "--method",
        choices=tuple(_PARAMETERS),
        default="vaccine",
        help="vaccine perturbs the attention outputs where it hurts most, random by "
        "noise, sft not at all",
    )
    group.add_argument(
        "--rho",
        type=float,
        metavar="X",
        help="vaccine: total L2 norm of the perturbation (default: 2.0)",
    )
    group.add_argument(
        "--every",
        type=int,
        metavar="N",
        help="vaccine: perturb each N-th step, plain steps between (default: 1)",
    )
    group.add_argument(
        "--variance",
        type=float,
        metavar="X",
        help="random: variance of the noise on every element",
    )


def method_of(options: argparse.Namespace) -> Method:
    """The method that the options name.

    Raises
    ------
    ValueError
        When a parameter belongs to another method, is missing or out of range.
    """
    own = _PARAMETERS[options.method]
    given = {
        name: getattr(options, name)
        for names in _PARAMETERS.values()
        for name in names
        if getattr(options, name) is not None
    }
    for name in given:
        if name not in own:
            raise ValueError(f"--{name} has no meaning with --method {options.method}")
    if options.method == "random" and "variance" not in given:
        raise ValueError("--variance must be given with --method random")
    kinds = {"vaccine": vs.Vaccine, "sft": vs.SFT, "random": vs.RandomPerturbation}
    return kinds[options.method](**given)


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
        metavar="NAME",
        help=f"projections to adapt, all if left out: {', '.join(TARGET_MODULES)}",
    )


def adapter_settings(options: argparse.Namespace) -> vs.LoRAConfig:
    """The adapter that the options name.

    Raises
    ------
    ValueError
        As `LoRAConfig`.
    """
    return vs.LoRAConfig(
        r=options.lora_r,
        lora_alpha=options.lora_alpha,
        lora_dropout=options.lora_dropout,
        target_modules=options.target_modules or TARGET_MODULES,
    )
