"""``--completion SHELL``: a script for shells to complete commands and options."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["add_completion_option"]

_SHELLS: Final = ("bash", "zsh", "tcsh")


class _Completion(argparse.Action):
    """Prints the script and leaves, as ``--version`` does."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        try:
            shtab: Any = importlib.import_module("shtab")
        except ImportError:
            parser.error("--completion needs shtab: pip install shtab")
        for action in _actions(parser):
            if action.metavar in ("FILE", "DIR", "REFERENCE CURRENT"):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, values))
        parser.exit()


def add_completion_option(parser: argparse.ArgumentParser) -> None:
    """``--completion`` of the program itself."""
    parser.add_argument(
        "--completion",
        action=_Completion,
        choices=_SHELLS,
        metavar="SHELL",
        help=f"print what makes a shell complete commands and options, and leave: "
        f"{', '.join(_SHELLS)}",
    )


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
