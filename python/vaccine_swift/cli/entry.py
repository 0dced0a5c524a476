"""`main`: choose the subcommand; turn whatever goes wrong into one line."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Final

from vaccine_swift._core import __version__
from vaccine_swift.cli import (
    align,
    chat,
    demo,
    drift,
    evaluate,
    generate,
    merge,
    repair,
    study,
)
from vaccine_swift.cli.completion import add_completion_option
from vaccine_swift.cli.parsing import Parser
from vaccine_swift.cli.terminal import say
from vaccine_swift.drift import DriftExceeded
from vaccine_swift.machine.termination import STATUS, Terminated, termination_interrupts

__all__ = ["build_parser", "main", "run"]

GATE_FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
_EXPECTED: Final = (
    ImportError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        Exit status: 0, 1 after a gate that does not hold, 2 after bad input, 130
        after Ctrl-C, 143 after SIGTERM.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version`` (0), and when an option is wrong (2).
    """
    return run(build_parser().parse_args(arguments))


def run(options: argparse.Namespace) -> int:
    """The exit status of a command, whose words are parsed."""
    command: Parser = options.parser
    name = f"vaccine-swift {options.command}"
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_: _say(
            f"{name}: warning: {command.in_options(str(message))}"
        )
        try:
            with termination_interrupts():
                options.run(options)
        except KeyboardInterrupt as interrupt:
            what = f": {interrupt}" if str(interrupt) else ""
            _say(f"{name}: interrupted{what}")
            return STATUS if isinstance(interrupt, Terminated) else INTERRUPTED
        except BrokenPipeError:
            # The reader has gone; what is still buffered must not be flushed to it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except DriftExceeded as error:
            for failure in error.failures:
                _say(f"{name}: failed: {failure}")
            return GATE_FAILED
        except _EXPECTED as error:
            _say(f"{name}: error: {command.in_options(_described(error))}")
            return BAD_INPUT
    return 0


def build_parser() -> Parser:
    """The parser of all commands; each sets ``run``."""
    parser = Parser(
        prog="vaccine-swift",
        description="Align language models so that the alignment survives fine-tuning\n"
        "(Vaccine, arXiv:2402.01109), on a CPU.",
        epilog="example:\n  vaccine-swift demo\n\n"
        "'vaccine-swift COMMAND --help' describes a command.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    add_completion_option(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (align, merge, repair, generate, chat, evaluate, study, demo, drift):
        module.add_parser(commands)
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return parser


def _described(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    notes = getattr(error, "__notes__", [])
    return " ".join([str(error) or type(error).__name__, *notes])


def _say(text: str) -> None:
    say(" ".join(text.split()))
