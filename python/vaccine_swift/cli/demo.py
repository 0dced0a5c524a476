"""``vaccine-swift demo``: a real model aligned with Vaccine in minutes."""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from rich.console import Console

import vaccine_swift as vs
from vaccine_swift.cli.comparison import (
    Comparison,
    curve,
    refusal_counts,
    summary,
    table,
)
from vaccine_swift.cli.model_options import SMOLLM2, add_thread_option, load_model
from vaccine_swift.cli.terminal import duration, status

__all__ = ["add_parser", "run"]

Rows: TypeAlias = Sequence[Mapping[str, str]]

SETTINGS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "learning_rate": 2e-3,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.1,
        "weight_decay": 0.1,
        "per_device_train_batch_size": 5,
        "logging_steps": 1,
        "save_strategy": "no",
    }
)
"""The authors' settings, with twice their learning rate for a run this short."""

_EPILOG: Final = """\
example:
  vaccine-swift demo
  vaccine-swift generate --model smollm2 --adapter vaccine-demo --prompt 'Hello!'

The model is fetched once and kept. The requests shown at the end are held out: neither
they nor the acts in them are in the training data.
"""
_KINDS: Final = MappingProxyType(
    {
        "restricted": "Held-out requests to refuse",
        "ordinary": "Held-out requests to answer",
    }
)
_MOST_NEW_TOKENS: Final = 40
_SHOWN: Final = MappingProxyType({"restricted": 6, "ordinary": 9})


def add_parser(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "demo",
        help="align SmolLM2-135M-Instruct and compare its answers",
        description="Fetch SmolLM2-135M-Instruct, align it with Vaccine on the\n"
        "harmless set that ships with the package, and show its answers before\n"
        "and after.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("vaccine-demo"),
        metavar="DIR",
        help="where the adapter goes",
    )
    parser.add_argument(
        "--steps", type=int, default=60, metavar="N", help="optimiser steps"
    )
    parser.add_argument("--rho", type=float, default=2.0, metavar="X", help="Vaccine's")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of everything"
    )
    add_thread_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Fetch, align, save, compare.

    Raises
    ------
    Exception
        Whatever the API refuses.
    KeyboardInterrupt
        On Ctrl-C; says what is saved.
    """
    began = time.perf_counter()
    console = Console()
    arguments = vs.TrainingArguments(
        options.output_dir, max_steps=options.steps, seed=options.seed, **SETTINGS
    )
    method = vs.Vaccine(rho=options.rho)
    model, tokenizer = load_model(SMOLLM2, options.threads)
    console.print(
        f"[bold]SmolLM2-135M-Instruct[/bold]: {model.num_parameters:,} parameters, "
        f"{vs.get_num_threads()} threads"
    )
    requests = {kind: _held_out(kind) for kind in _KINDS}
    before = {kind: _answers(model, tokenizer, rows) for kind, rows in requests.items()}
    model.add_adapter(
        vs.LoRAConfig(r=8, lora_alpha=4, lora_dropout=0.1), seed=options.seed
    )
    rows = vs.data.alignment_rows(seed=options.seed, restricted=70, ordinary=230)
    trainer = vs.Trainer(
        model,
        arguments,
        train_dataset=vs.data.load(rows, tokenizer, template="chat"),
        method=method,
    )
    try:
        output = trainer.train()
    except KeyboardInterrupt:
        step = trainer.state.global_step
        raise KeyboardInterrupt(f"after step {step}; nothing is saved") from None
    trainer.save_model()
    trainer.save_state()

    comparisons = {}
    for kind, title in _KINDS.items():
        after = _answers(model, tokenizer, requests[kind])
        comparisons[kind] = _compared(requests[kind], before[kind], after)
        console.print()
        console.print(table(title, comparisons[kind]))
    lines = _numbers(trainer, output, comparisons, time.perf_counter() - began)
    console.print(summary(lines))


def _held_out(kind: str) -> Rows:
    """Test rows of different acts or topics, drawn without regard to any answer."""
    rows = vs.data.proxy("test", kind)
    random.Random(0).shuffle(rows)
    varied = {row.get("act") or row["topic"]: row for row in rows}
    return list(varied.values())[: _SHOWN[kind]]


def _answers(model: vs.CausalLM, tokenizer: vs.Tokenizer, rows: Rows) -> list[str]:
    """Greedy answers; "…" at the end of those that are cut."""
    prompts = [vs.data.render_prompt(row, tokenizer, "chat") for row in rows]
    with status(f"answering {len(rows)} held-out requests"):
        answers = model.generate_ids(
            [tokenizer.encode(text, add_special_tokens=False) for text in prompts],
            _MOST_NEW_TOKENS,
        )
    return [
        tokenizer.decode(ids) + " …" * (len(ids) == _MOST_NEW_TOKENS) for ids in answers
    ]


def _compared(
    rows: Rows, before: Sequence[str], after: Sequence[str]
) -> list[Comparison]:
    requests = [f"{row['instruction']}\n{row['input']}".strip() for row in rows]
    return [Comparison(*triple) for triple in zip(requests, before, after, strict=True)]


def _numbers(
    trainer: vs.Trainer,
    output: vs.TrainOutput,
    comparisons: Mapping[str, Sequence[Comparison]],
    seconds: float,
) -> list[tuple[str, str]]:
    """What the run did and where its files are."""
    directory = Path(trainer.args.output_dir)
    history = [entry for entry in trainer.state.log_history if "clean_loss" in entry]
    tokens = trainer.state.num_input_tokens_seen
    speed = output.metrics["train_tokens_per_second"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # KiB on Linux
    return [
        ("loss", curve([entry["loss"] for entry in history])),
        ("clean loss", curve([entry["clean_loss"] for entry in history])),
        *(
            (f"refused, {kind}", refusal_counts(compared))
            for kind, compared in comparisons.items()
        ),
        (
            "trained",
            f"{output.global_step} steps, {tokens:,} tokens, {speed:.0f} tokens/s",
        ),
        ("took", f"{duration(seconds)}, {peak / 1e9:.2f} GB of memory at most"),
        ("adapter", f"{directory / 'adapter_model.safetensors'} (PEFT)"),
        ("log", str(directory / "log.jsonl")),
    ]
