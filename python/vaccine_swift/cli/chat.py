"""``vaccine-swift chat``: a conversation with a model, line by line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any, Final

from vaccine_swift.cli.model_options import (
    add_adapter_option,
    add_engine_options,
    add_model_option,
    add_sampling_options,
    add_thread_option,
    load_adapters,
    load_named_model,
)
from vaccine_swift.cli.terminal import say, shown, status
from vaccine_swift.machine.termination import Terminated
from vaccine_swift.models.chat import LONGEST_ANSWER

__all__ = ["add_parser", "run"]

_EPILOG: Final = """\
example:
  vaccine-swift chat --model smollm2 --adapter aligned --system 'Be brief.'

Every line is a request; /new begins anew, /quit or Ctrl-D ends, Ctrl-C breaks an
answer off.
"""
_NEW: Final = "/new"
_QUIT: Final = ("/quit", "/exit")


def add_parser(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "chat",
        usage="vaccine-swift chat --model MODEL [OPTION ...]",
        help="talk to a model",
        description="Talk to a model that has a chat template, with or without an "
        "adapter.",
        epilog=_EPILOG,
    )
    group = parser.add_argument_group("model")
    add_model_option(group)
    add_adapter_option(group)
    group.add_argument("--system", metavar="TEXT", help="the system prompt")
    add_engine_options(group, "auto")
    add_thread_option(group)
    group = parser.add_argument_group("answers")
    add_sampling_options(group, longest=LONGEST_ANSWER, bounded=True)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read requests, print answers.

    Raises
    ------
    Exception
        Whatever the API refuses. What it refuses later than in the first request, such
        as a conversation beyond the context, is told of and forgotten.
    """
    model, tokenizer = load_named_model(options)
    if tokenizer.chat_template is None:
        raise ValueError(
            f"{options.model} has no chat template; use vaccine-swift generate"
        )
    load_adapters(model, options.adapter)
    talk: list[dict[str, str]] = []
    for number, request in enumerate(_requests()):
        if request == _NEW:
            talk = []
            continue
        asked = [*talk, {"role": "user", "content": request}]
        try:
            with status("answering"):
                answer = model.chat(
                    asked,
                    options.max_new_tokens,
                    options.temperature,
                    system=options.system,
                    top_p=options.top_p,
                    seed=options.seed,
                    first_prompt=number,
                )
        except KeyboardInterrupt as interrupt:
            if isinstance(interrupt, Terminated):
                raise
            say("broken off; the request is forgotten")
            continue
        except ValueError as error:
            if not talk:
                raise
            say(f"{options.parser.in_options(str(error))}; the request is forgotten")
            continue
        print(shown(answer), flush=True)
        talk = [*asked, {"role": "assistant", "content": answer}]


def _requests() -> Iterator[str]:
    """The lines that are typed, until the end or a word for it."""
    while True:
        try:
            line = input("> " if sys.stdin.isatty() else "").strip()
        except EOFError:
            return
        if line in _QUIT:
            return
        if line:
            yield line
