"""``vaccine-swift align``: train an adapter that refuses what the data refuse."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import vaccine_swift as vs
from vaccine_swift._plurals import counted
from vaccine_swift.cli.distributed_options import (
    add_distributed_options,
    collective_of,
    first_rank_first,
)
from vaccine_swift.cli.method_options import (
    adapter_settings,
    add_adapter_options,
    add_method_options,
    method_of,
)
from vaccine_swift.cli.model_options import (
    add_adapter_option,
    add_engine_options,
    add_model_options,
    add_overwrite_option,
    add_thread_option,
    check_not_there,
    load_named_model,
)
from vaccine_swift.cli.places import check_directory_place
from vaccine_swift.cli.terminal import duration, visible
from vaccine_swift.cli.training_data import (
    Told,
    TrainingData,
    add_row_options,
    add_stream_option,
    load_rows,
    load_streams,
    stream_sources,
)
from vaccine_swift.cli.training_options import add_training_options, training_arguments
from vaccine_swift.cli.written import check_output_dir
from vaccine_swift.distributed import Collective
from vaccine_swift.distributed.exchange import ending_together, together
from vaccine_swift.training.folder import checkpoints

__all__ = ["RECIPE", "add_parser", "run"]

RECIPE: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "learning_rate": 1e-3,
        "weight_decay": 0.1,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.1,
        "per_device_train_batch_size": 5,
        "logging_steps": 10,
        "save_steps": 100,
        "save_total_limit": 2,
    }
)
"""The Vaccine authors' settings for alignment, with a log fit for short runs."""

_EPILOG: Final = """\
example:
  vaccine-swift align --model smollm2 --max-steps 60 --output-dir aligned
  vaccine-swift generate --model smollm2 --adapter aligned --prompt 'Hello!'

--output-dir gets the adapter as PEFT files, log.jsonl, trainer_state.json and the
checkpoints. After an interruption the same command with --resume goes on.
"""


def add_parser(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "align",
        usage="vaccine-swift align --model MODEL --output-dir DIR [OPTION ...]",
        help="align a model on safe answers",
        description="Train a LoRA adapter on safe answers with Vaccine and save it as "
        "PEFT files.",
        epilog=_EPILOG,
    )
    group = parser.add_argument_group("model and data")
    add_model_options(group)
    _add_data_options(group)
    group.add_argument(
        "--output-dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="where the adapter and log go",
    )
    group.add_argument(
        "--resume",
        nargs="?",
        const=True,
        metavar="CHECKPOINT",
        help="go on from the last checkpoint in --output-dir, or from this one",
    )
    add_overwrite_option(group, "the adapter that --output-dir holds")
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="say what is read, how long it will take and how much memory, and stop",
    )
    add_adapter_option(
        group,
        told="PEFT files of an adapter that stays as it is, below the one that is "
        "trained (double LoRA); may be given several times",
    )
    add_engine_options(group)
    add_thread_option(group)
    add_method_options(parser)
    add_adapter_options(parser)
    add_training_options(parser, RECIPE)
    add_distributed_options(parser)
    parser.set_defaults(run=run)


def _add_data_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data",
        nargs="+",
        action="extend",
        type=Path,
        metavar="FILE",
        help="JSON, JSONL, CSV or Parquet; a harmless set that ships with the package "
        "if left out",
    )
    group.add_argument(
        "--eval-data",
        nargs="+",
        action="extend",
        type=Path,
        metavar="FILE",
        help="what --eval-strategy measures; the shipped set's test rows if no --data "
        "is given",
    )
    group.add_argument(
        "--max-length",
        type=int,
        default=200,
        metavar="N",
        help="most tokens of an example; longer ones are cut",
    )
    add_row_options(group)
    add_stream_option(group)


def run(options: argparse.Namespace) -> None:
    """Align and save.

    Raises
    ------
    Exception
        Whatever the API refuses.
    KeyboardInterrupt
        On Ctrl-C; says what is saved.
    """
    collective = collective_of(options)
    with ending_together(collective):
        _run(options, collective)


def _run(options: argparse.Namespace, collective: Collective) -> None:
    is_first = collective.rank == 0
    arguments, method = training_arguments(options), method_of(options)
    settings, sources = adapter_settings(options), stream_sources(options, method)
    with together(collective):
        check_output_dir(options)
        check_directory_place("--output-dir", options.output_dir)
        if is_first and not options.resume and not options.dry_run:
            remedy = ", --resume to go on with its run"
            check_not_there(
                options, "adapter_config.json", "an adapter", otherwise=remedy
            )
    model, tokenizer = first_rank_first(
        collective,
        lambda: load_named_model(options),
    )
    for directory in options.adapter:
        model.load_adapter(directory)
        model.freeze_adapter()
    model.add_adapter(settings, seed=arguments.seed)
    data = load_rows(options, tokenizer, options.data or [vs.data.alignment_rows()])
    streams = load_streams(options, tokenizer, sources)
    held_out = _held_out(options, tokenizer, arguments)
    lines = [f"{name}: {line}" for name, each in streams.items() for line in each.lines]
    told = Told([*data.lines, *lines, *data.shown])
    trainer = vs.Trainer(
        model,
        arguments,
        train_dataset=data.examples,
        eval_dataset=None if held_out is None else held_out.examples,
        method=method,
        streams={name: each.examples for name, each in streams.items()},
        callbacks=[told] if is_first else [],
        collective=collective,
        rho_scope=options.rho_scope,
    )
    if options.dry_run:
        with together(collective):
            estimate = trainer.estimate()
        if is_first:
            told.tell()
            print(estimate)
        return
    try:
        output = trainer.train(resume_from_checkpoint=options.resume)
    except KeyboardInterrupt as interrupt:
        done = trainer.state.global_step
        raise type(interrupt)(f"after step {done}; {_saved(options)}") from None
    trainer.save_model()
    trainer.save_state()
    if not is_first:
        return
    seconds = output.metrics["train_runtime"]
    print(
        f"{counted(output.global_step, 'step')} in {duration(seconds)}, mean loss "
        f"{output.training_loss:.3f}; the adapter is in "
        f"{visible(str(options.output_dir))}"
    )


def _held_out(
    options: argparse.Namespace,
    tokenizer: vs.Tokenizer,
    arguments: vs.TrainingArguments,
) -> TrainingData | None:
    if options.eval_data:
        return load_rows(options, tokenizer, options.eval_data)
    wanted = arguments.eval_strategy != "no" or arguments.eval_on_start
    if options.data or not wanted:
        return None
    kinds = ("restricted", "ordinary")
    rows = [vs.data.proxy("test", kind) for kind in kinds]
    return load_rows(options, tokenizer, rows)


def _saved(options: argparse.Namespace) -> str:
    """What an interrupted run leaves behind."""
    found = checkpoints(options.output_dir) if options.output_dir.is_dir() else []
    if not found:
        return "nothing is saved yet"
    return f"{found[-1]} is saved, --resume goes on with it"
