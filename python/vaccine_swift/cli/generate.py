"""``vaccine-swift generate``: answers to requests from the command line or a file."""

from __future__ import annotations

import argparse
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import vaccine_swift as vs
from vaccine_swift._plurals import counted, plural
from vaccine_swift.cli.model_options import (
    add_adapter_option,
    add_engine_options,
    add_model_options,
    add_sampling_options,
    add_thread_option,
    load_adapters,
    load_named_model,
    template_of,
)
from vaccine_swift.cli.terminal import exact, shown
from vaccine_swift.data.rows import read_rows
from vaccine_swift.files.plain_json import json_text, plain
from vaccine_swift.models.generation import ChatTemplateWarning

__all__ = ["add_parser", "run"]

_ANSWER: Final = "answer"
_REQUESTS: Final = ("instruction", "prompt", "messages", "conversations", "chosen")
_ASKING: Final = ("user", "human")
_EPILOG: Final = """\
example:
  vaccine-swift generate --model smollm2 --prompt 'Name three rivers.'
  vaccine-swift generate --model smollm2 --adapter aligned --data requests.jsonl --json
"""


def add_parser(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "generate",
        usage="vaccine-swift generate --model MODEL (--prompt TEXT | --data FILE) "
        "[OPTION ...]",
        help="answer requests",
        description="Print a model's answers, with or without an adapter.",
        epilog=_EPILOG,
    )
    group = parser.add_argument_group("model and requests")
    add_model_options(group)
    add_adapter_option(group)
    source = group.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--prompt",
        action="append",
        metavar="TEXT",
        help="a request; may be given several times",
    )
    source.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="JSON, JSONL, CSV or Parquet with a request in each row",
    )
    add_engine_options(group)
    add_thread_option(group)
    group = parser.add_argument_group("generation")
    add_sampling_options(group, longest=64)
    group.add_argument(
        "--batch-size", type=int, default=8, metavar="N", help="requests at a time"
    )
    group.add_argument(
        "--json", action="store_true", help="print a JSON object per line"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Answer and print.

    Raises
    ------
    Exception
        Whatever the API refuses.
    """
    if options.batch_size < 1:
        raise ValueError(f"--batch-size must be at least 1, got {options.batch_size}")
    requests, places = _requests(options)
    echoed = [_echoed(request, options) for request in requests]
    model, tokenizer = load_named_model(options)
    template = template_of(tokenizer, options.template)
    prompts = [
        _prompt(request, place, tokenizer, template)
        for request, place in zip(requests, places, strict=True)
    ]
    load_adapters(model, options.adapter)
    warnings.simplefilter("ignore", ChatTemplateWarning)
    empty = 0
    for start in range(0, len(prompts), options.batch_size):
        chosen = slice(start, start + options.batch_size)
        answers = model.generate(
            prompts[chosen],
            options.max_new_tokens,
            options.temperature,
            top_p=options.top_p,
            seed=options.seed,
            first_prompt=start,
            add_special_tokens=template != "chat",
        )
        empty += sum(not answer.strip() for answer in answers)
        for row, answer in zip(echoed[chosen], answers, strict=True):
            _show(row, answer.strip(), options, only=len(requests) == 1)

    if empty and template != "chat" and tokenizer.chat_template is not None:
        warnings.warn(
            f"{empty} of {counted(len(prompts), 'answer')} "
            f"{plural(empty, 'is', 'are')} empty; the model has a chat template, which "
            "--template chat asks through",
            stacklevel=1,
        )


def _requests(
    options: argparse.Namespace,
) -> tuple[list[str | Mapping[str, Any]], list[str]]:
    """What is asked, and what messages call each."""
    if options.prompt is not None:
        return list(options.prompt), ["--prompt"] * len(options.prompt)
    rows = read_rows(options.data)
    return [row.values for row in rows], [row.place for row in rows]


def _prompt(
    request: str | Mapping[str, Any],
    place: str,
    tokenizer: vs.Tokenizer,
    template: str,
) -> str:
    try:
        return vs.data.render_prompt(request, tokenizer, template)
    except ValueError as error:
        raise ValueError(re.sub(r"^row\b", lambda _: place, str(error))) from None


def _echoed(
    request: str | Mapping[str, Any], options: argparse.Namespace
) -> dict[str, Any]:
    """What is printed of a request beside its answer, before anything is computed."""
    row = {"prompt": request} if isinstance(request, str) else dict(request)
    if options.json and _ANSWER in row:
        raise ValueError(
            f"{options.data}: --json writes the answer to the column {_ANSWER!r}, "
            "which the rows have already; rename it"
        )
    return plain(row) if options.json else row


def _show(
    row: Mapping[str, Any], answer: str, options: argparse.Namespace, *, only: bool
) -> None:
    if options.json:
        print(exact(json_text({**row, _ANSWER: answer})), flush=True)
    elif only:
        print(shown(answer), flush=True)
    else:
        print(shown(f"> {_told(row)}\n{answer}\n"), flush=True)


def _told(row: Mapping[str, Any]) -> str:
    """A row's request as one text."""
    request = next((row[key] for key in _REQUESTS if key in row), "")
    if isinstance(request, list) and request:
        asked = [one for one in request if one.get("role", one.get("from")) in _ASKING]
        last = asked[-1] if asked else request[-1]
        request = last.get("content", last.get("value"))
    return "\n  ".join(str(part) for part in (request, row.get("input")) if part)
