"""Every field of `TrainingArguments` as an option of its name."""

from __future__ import annotations

import argparse
import dataclasses
import typing
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import vaccine_swift as vs

__all__ = ["add_training_options", "training_arguments"]

_GROUPS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "optimiser": {
            "learning_rate": "peak of the schedule",
            "lr_scheduler_type": "linear, cosine, constant or constant_with_warmup",
            "warmup_steps": "steps of warm-up; in (0, 1) a share of all steps",
            "weight_decay": "decoupled decay of the adapter's matrices",
            "max_grad_norm": "global norm that gradients are clipped to; 0 for none",
            "adam_beta1": "decay rate of the first moment",
            "adam_beta2": "decay rate of the second moment",
            "adam_epsilon": "added to the denominator",
            "optim": "adamw_torch and its synonyms: one AdamW",
        },
        "length and batches": {
            "num_train_epochs": "passes over the data",
            "max_steps": "optimiser steps; where positive, in place of the epochs",
            "per_device_train_batch_size": "examples of a micro-batch",
            "per_device_eval_batch_size": "examples of an evaluation batch",
            "gradient_accumulation_steps": "micro-batches of an optimiser step",
            "dataloader_drop_last": "leave out the last batch of an epoch if not full",
            "seed": "of the adapter's start, dropout, noise and shuffling",
            "data_seed": "of shuffling, if it is to be another one",
        },
        "logging, evaluation, checkpoints": {
            "logging_strategy": "no, steps or epoch",
            "logging_steps": "period in steps; in (0, 1) a share of all steps",
            "logging_first_step": "log step 1 too",
            "eval_strategy": "no, steps or epoch",
            "eval_steps": "period in steps; --logging-steps if left out",
            "eval_on_start": "evaluate before the first step",
            "eval_delay": "steps or epochs before the first evaluation",
            "save_strategy": "no, steps, epoch or best",
            "save_steps": "period in steps; in (0, 1) a share of all steps",
            "save_total_limit": "checkpoints to keep",
            "load_best_model_at_end": "finish with the adapter of the best evaluation",
            "metric_for_best_model": "a metric of the evaluation; loss if left out",
            "greater_is_better": "direction of that metric",
            "disable_tqdm": "print log lines in place of the progress bar",
            "report_to": "jsonl or none",
        },
    }
)
_BY_NAME: Final = frozenset(name for names in _GROUPS.values() for name in names)


def add_training_options(
    parser: argparse.ArgumentParser, defaults: Mapping[str, Any]
) -> None:
    """Add the options, in groups.

    Parameters
    ----------
    parser : ArgumentParser
        Of a command that trains.
    defaults : mapping
        Values that take the place of `TrainingArguments`' own defaults.
    """
    types = typing.get_type_hints(vs.TrainingArguments)
    own = {
        field.name: field.default for field in dataclasses.fields(vs.TrainingArguments)
    }
    for title, helps in _GROUPS.items():
        group = parser.add_argument_group(title)
        for name, text in helps.items():
            group.add_argument(
                _flag(name),
                default=defaults.get(name, own[name]),
                help=text,
                **_reader(types[name]),
            )


def training_arguments(options: argparse.Namespace) -> vs.TrainingArguments:
    """The settings that the options name.

    Raises
    ------
    TypeError, ValueError
        As `TrainingArguments`.
    """
    return vs.TrainingArguments(
        options.output_dir, **{name: getattr(options, name) for name in _BY_NAME}
    )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _reader(kind: Any) -> dict[str, Any]:
    """How argparse reads a field of this type."""
    kinds = typing.get_args(kind) or (kind,)
    if bool in kinds:
        return {"action": argparse.BooleanOptionalAction}
    if float in kinds:
        return {"type": float, "metavar": "X"}
    if int in kinds:
        return {"type": int, "metavar": "N"}
    return {"metavar": "NAME"}
