"""argparse with one-line errors, the nearest option suggested, readable help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from vaccine_swift._arguments import nearest

__all__ = ["Parser"]


class _HelpFormatter(
    argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter
):
    """Keeps the lines of description and example; names the defaults there are."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, ``vaccine-swift COMMAND: error: …``."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=_HelpFormatter, allow_abbrev=False, **settings)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse does, but an unknown option is the first thing to complain of."""
        words = sys.argv[1:] if args is None else list(args)
        if self._subparsers is None:
            for word in words:
                if word.startswith("--") and word != "--":
                    self._check_option(word.partition("=")[0])
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with status 2."""
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")

    def _check_option(self, option: str) -> None:
        known = self._option_string_actions
        if option not in known:
            self.error(f"unknown option {option}.{nearest(option, known)}")
